//! The files that a container is given, so that it knows its own name and how others are called.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::config::{Choice, GivenFile, Namespaces, RootKind};
use crate::hostroot;
use crate::{Because, Result};

const LOOPBACK: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// What the files depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) root: RootKind,
    pub(crate) namespaces: &'a Namespaces,
    pub(crate) hostname: &'a str,
}

/// Writes the files into `bundle`. A root directory is used as it is, so nothing is put over its files.
///
/// # Errors
///
/// When they cannot be written.
pub(crate) fn give(bundle: &Path, names: &Names<'_>) -> Result<Vec<GivenFile>> {
    let own_name = names.namespaces.uts == Choice::New;
    let own_network = names.namespaces.network == Choice::New;
    let host = names.root == RootKind::Host;
    let mut files = Vec::new();
    if names.root == RootKind::Directory {
        return Ok(files);
    }
    if own_name {
        files.push(write(bundle, "hostname", "/etc/hostname", &format!("{}\n", names.hostname))?);
    }
    if own_name || !host && !own_network {
        let known = if host || !own_network { read("/etc/hosts") } else { None };
        files.push(write(bundle, "hosts", "/etc/hosts", &hosts(known, own_name.then_some(names.hostname)))?);
    }
    if !own_network && let Some(resolvers) = read("/etc/resolv.conf") {
        files.extend(resolver_file(bundle, host, &resolvers)?);
    }
    Ok(files)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn hosts(known: Option<String>, own_name: Option<&str>) -> String {
    let mut text = known.unwrap_or_else(|| LOOPBACK.to_owned());
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if let Some(name) = own_name {
        // Writing to a String does not fail.
        let _ = writeln!(text, "127.0.1.1\t{name}");
    }
    text
}

/// This machine's own root has the file already, unless it is a link to where the container sees nothing.
fn resolver_file(bundle: &Path, host: bool, text: &str) -> Result<Option<GivenFile>> {
    if !host {
        return write(bundle, "resolv.conf", "/etc/resolv.conf", text).map(Some);
    }
    let real = std::fs::canonicalize("/etc/resolv.conf").ok().filter(|real| hostroot::is_replaced(real));
    real.map(|real| write(bundle, "resolv.conf", real, text)).transpose()
}

fn write(bundle: &Path, name: &str, destination: impl Into<PathBuf>, text: &str) -> Result<GivenFile> {
    let source = bundle.join(name);
    std::fs::write(&source, text).because(|| format!("cannot write {}", source.display()))?;
    Ok(GivenFile { source, destination: destination.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespaces(network: Choice, uts: Choice) -> Namespaces {
        Namespaces {
            network,
            uts,
            pid: Choice::New,
            ipc: Choice::New,
            cgroup: Choice::New,
            time: Choice::New,
            user: Choice::Host,
        }
    }

    fn destinations(root: RootKind, network: Choice, uts: Choice) -> Vec<String> {
        let bundle = tempfile::tempdir().unwrap();
        let namespaces = namespaces(network, uts);
        let files = give(bundle.path(), &Names { root, namespaces: &namespaces, hostname: "me" }).unwrap();
        files.iter().map(|file| file.destination.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_container_knows_its_own_name() {
        assert_eq!(destinations(RootKind::Image, Choice::New, Choice::New), ["/etc/hostname", "/etc/hosts"]);
        assert_eq!(destinations(RootKind::Host, Choice::New, Choice::New), ["/etc/hostname", "/etc/hosts"]);
        assert_eq!(hosts(None, Some("me")), format!("{LOOPBACK}127.0.1.1\tme\n"));
        assert_eq!(hosts(Some("a b".into()), Some("me")), "a b\n127.0.1.1\tme\n");
    }

    #[test]
    fn a_root_directory_is_used_as_it_is() {
        assert!(destinations(RootKind::Directory, Choice::New, Choice::New).is_empty());
    }

    #[test]
    fn in_the_network_of_the_host_names_are_resolved_as_there() {
        let files = destinations(RootKind::Image, Choice::Host, Choice::Host);
        assert!(files.contains(&"/etc/hosts".to_owned()));
        assert_eq!(Path::new("/etc/resolv.conf").exists(), files.contains(&"/etc/resolv.conf".to_owned()));
    }
}
