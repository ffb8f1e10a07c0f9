//! Where a container's namespaces come from, as Docker and Podman write it.

use std::path::PathBuf;
use std::str::FromStr;

use super::{ContainerName, Invalid};

/// Where one namespace comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum NamespaceMode {
    /// A new one for this container.
    #[default]
    Private,
    /// That of the caller.
    Host,
    /// That of a running container, by name.
    Container(ContainerName),
    /// That of a running process, by its pid.
    Process(u32),
    /// One that is kept by a file (`/proc/PID/ns/NET`, `/run/netns/NAME`), by its absolute path.
    File(PathBuf),
}

impl NamespaceMode {
    /// Whether the container has a namespace that is not the caller's.
    pub fn is_separate(&self) -> bool {
        *self != Self::Host
    }
}

impl FromStr for NamespaceMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "private" => return Ok(Self::Private),
            "host" => return Ok(Self::Host),
            _ => {}
        }
        match text.split_once(':') {
            Some(("container", name)) => Ok(Self::Container(name.parse()?)),
            Some(("pid", pid)) => Ok(Self::Process(parse_pid(pid)?)),
            Some(("ns", path)) => parse_file(path),
            _ => parse_file(text),
        }
    }
}

/// The mode of the network, which has one more word than the others.
///
/// # Errors
///
/// As for [`NamespaceMode`]; the networks that Holm does not make are named as such.
pub fn parse_network_mode(text: &str) -> Result<NamespaceMode, Invalid> {
    match text {
        // Docker's word for a private network without a link to the outside: what `private` is.
        "none" => Ok(NamespaceMode::Private),
        "bridge" | "default" | "pasta" | "slirp4netns" => {
            Err(Invalid::new(format!("there is no {text} network"))
                .with_hint("take private (loopback alone) or host"))
        }
        _ => text.parse(),
    }
}

/// Where the user namespace comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum UserMode {
    /// Not said: a namespace of its own for an ordinary user, none for root.
    #[default]
    Default,
    /// A namespace of its own, with the largest map that this user may have.
    Auto,
    /// That of the caller.
    Host,
    /// A namespace in which the caller's own id is all that exists: no uid 0, hence no superuser.
    Identity,
    /// An existing one.
    Join(NamespaceMode),
}

impl FromStr for UserMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "auto" | "private" => Ok(Self::Auto),
            "host" => Ok(Self::Host),
            "identity" => Ok(Self::Identity),
            "keep-id" => Err(Invalid::new("there is no mode keep-id")
                .with_hint("take identity: your own id mapped onto itself, and no other")),
            _ => text
                .parse()
                .map(Self::Join)
                .map_err(|invalid: Invalid| Invalid::new(invalid.cause()).with_hint(USER_MODES)),
        }
    }
}

const USER_MODES: &str = "take auto, host, identity, container:NAME, pid:N or the path of a namespace file";
const MODES: &str = "take private, host, container:NAME, pid:N or the path of a namespace file";

fn parse_pid(text: &str) -> Result<u32, Invalid> {
    let pid: u32 = match text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse().unwrap_or(0),
        false => 0,
    };
    match i32::try_from(pid) {
        Ok(1..) => Ok(pid),
        _ => Err(Invalid::new(format!("{text:?} is not a pid")).with_hint(MODES)),
    }
}

fn parse_file(path: &str) -> Result<NamespaceMode, Invalid> {
    if path.starts_with('/') && !path.contains('\0') {
        return Ok(NamespaceMode::File(PathBuf::from(path)));
    }
    Err(Invalid::new(format!("{path:?} says no namespace")).with_hint(MODES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let file = NamespaceMode::File("/run/netns/a".into());
        for (text, mode) in [
            ("private", NamespaceMode::Private),
            ("host", NamespaceMode::Host),
            ("container:web", NamespaceMode::Container("web".parse().unwrap())),
            ("pid:17", NamespaceMode::Process(17)),
            ("ns:/run/netns/a", file.clone()),
            ("/run/netns/a", file),
        ] {
            assert_eq!(text.parse::<NamespaceMode>().unwrap(), mode, "{text}");
        }
    }

    #[test]
    fn what_says_no_namespace_is_refused() {
        for text in [
            "",
            "Host",
            "container:",
            "container:../x",
            "pid:0",
            "pid:-1",
            "pid:+1",
            "pid:4294967295",
            "ns:x",
            "./x",
        ] {
            assert!(text.parse::<NamespaceMode>().is_err(), "{text}");
        }
    }

    #[test]
    fn none_is_docker_s_word_for_a_private_network() {
        assert_eq!(parse_network_mode("none").unwrap(), NamespaceMode::Private);
        assert!(parse_network_mode("bridge").unwrap_err().hint().is_some());
    }

    #[test]
    fn user_modes() {
        assert_eq!("identity".parse::<UserMode>().unwrap(), UserMode::Identity);
        assert_eq!("private".parse::<UserMode>().unwrap(), UserMode::Auto);
        assert_eq!("pid:2".parse::<UserMode>().unwrap(), UserMode::Join(NamespaceMode::Process(2)));
        assert!("keep-id".parse::<UserMode>().unwrap_err().hint().unwrap().contains("identity"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (text.parse::<NamespaceMode>(), text.parse::<UserMode>(), parse_network_mode(&text));
        }
    }
}
