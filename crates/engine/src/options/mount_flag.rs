//! `--mount type=...,src=...,dst=...`.

use std::path::PathBuf;

use super::mount::{
    BindOptions, careful_words, destination, mount_flag, octal, set_once, tmpfs_option, unknown_word,
};
use super::{Invalid, MountKind, RequestedMount};

const FORM: &str = "write type=bind,src=PATH,dst=PATH or type=tmpfs,dst=PATH, and the like";

/// The file systems that may be asked for by type, each with the keys that it takes beside the common ones.
const FILE_SYSTEMS: [(&str, &[&str]); 8] = [
    ("tmpfs", &[]),
    ("ramfs", &["mode"]),
    ("mqueue", &[]),
    ("proc", &["hidepid", "gid", "subset"]),
    ("sysfs", &[]),
    ("devpts", &["newinstance", "ptmxmode", "mode", "uid", "gid", "max"]),
    ("cgroup", &[]),
    (
        "overlay",
        &[
            "lowerdir",
            "upperdir",
            "workdir",
            "userxattr",
            "metacopy",
            "redirect_dir",
            "index",
            "xino",
            "volatile",
        ],
    ),
];

/// Reads a mount.
///
/// # Errors
///
/// For a type that is not known or missing, a key that the type does not have, a value that the key does not take.
pub fn parse_mount(text: &str) -> Result<RequestedMount, Invalid> {
    let fields = split_fields(text)?;
    let mut common = Common::default();
    let mut rest = Vec::new();
    for field in &fields {
        if !common.take(field)? {
            rest.push(field);
        }
    }
    let missing = |what: &str| Invalid::new(format!("{what} is missing")).with_hint(FORM);
    let target = common.destination.as_deref().ok_or_else(|| missing("dst="))?;
    let target = destination(target)?;
    let kind = common.kind.as_deref().ok_or_else(|| missing("type="))?;
    if kind == "bind" {
        let source =
            common.source.filter(|source| !source.as_os_str().is_empty()).ok_or_else(|| missing("src="))?;
        let options = bind_options(common.readonly, &rest)?;
        return Ok(RequestedMount { destination: target, kind: MountKind::Bind(source), options });
    }
    let (fstype, keys) =
        FILE_SYSTEMS.iter().find(|(name, _)| *name == kind).ok_or_else(|| unknown_type(kind))?;
    if common.source.is_some() {
        return Err(Invalid::new(format!("a {kind} has no src=")));
    }
    let options = filesystem_options(fstype, keys, common.readonly, &rest)?;
    Ok(RequestedMount { destination: target, kind: MountKind::FileSystem(fstype), options })
}

fn unknown_type(kind: &str) -> Invalid {
    let hint = match kind {
        "volume" => "volumes by name are not there; take type=bind with a directory".to_owned(),
        _ => format!("take bind, {}", FILE_SYSTEMS.map(|(name, _)| name).join(", ")),
    };
    Invalid::new(format!("there is no type={kind}")).with_hint(hint)
}

/// The keys that every type has.
#[derive(Default)]
struct Common {
    kind: Option<String>,
    source: Option<PathBuf>,
    destination: Option<String>,
    readonly: Option<bool>,
}

impl Common {
    /// Takes `field` if it is one of these.
    fn take(&mut self, field: &Field) -> Result<bool, Invalid> {
        match field.key.as_str() {
            "type" => set_once(&mut self.kind, field.value()?.to_owned(), "type")?,
            "src" | "source" => set_once(&mut self.source, PathBuf::from(field.value()?), "src")?,
            "dst" | "destination" | "target" => {
                set_once(&mut self.destination, field.value()?.to_owned(), "dst")?;
            }
            "ro" | "readonly" => set_once(&mut self.readonly, field.truth()?, "access (ro, rw)")?,
            "rw" => set_once(&mut self.readonly, !field.truth()?, "access (ro, rw)")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn bind_options(readonly: Option<bool>, fields: &[&Field]) -> Result<Vec<String>, Invalid> {
    let mut options = BindOptions::default();
    let mut writable_below = false;
    for field in fields {
        match (field.key.as_str(), field.value.as_deref()) {
            ("bind-propagation" | "propagation", Some(word)) => options.add(word)?,
            ("bind-nonrecursive", _) if field.truth()? => options.add("bind")?,
            ("bind-nonrecursive", _) | ("bind-recursive", Some("enabled" | "readonly")) => {}
            ("bind-recursive", Some("disabled")) => options.add("bind")?,
            ("bind-recursive", Some("writable")) => writable_below = true,
            (word, None) if !matches!(word, "ro" | "rw") => options.add(word)?,
            _ => return Err(unknown_word(&field.to_string())),
        }
    }
    if readonly == Some(true) {
        options.add("ro")?;
    }
    let mut words = options.into_words();
    if writable_below {
        words.iter_mut().filter(|word| *word == "rro").for_each(|word| *word = "ro".to_owned());
    }
    Ok(words)
}

fn filesystem_options(
    fstype: &str,
    keys: &[&str],
    readonly: Option<bool>,
    fields: &[&Field],
) -> Result<Vec<String>, Invalid> {
    let words = fields.iter().map(|field| match fstype {
        "tmpfs" => tmpfs_field(field),
        _ => filesystem_field(keys, field),
    });
    let mut words = words.collect::<Result<Vec<_>, _>>()?;
    // What is written to a sysfs reaches the devices of the machine.
    if readonly.unwrap_or(fstype == "sysfs") {
        words.push("ro".to_owned());
    }
    Ok(if matches!(fstype, "tmpfs" | "proc" | "sysfs") { careful_words(words) } else { words })
}

/// Docker's keys have the type before them.
fn tmpfs_field(field: &Field) -> Result<String, Invalid> {
    let text = field.to_string();
    tmpfs_option(text.strip_prefix("tmpfs-").unwrap_or(&text))
}

fn filesystem_field(keys: &[&str], field: &Field) -> Result<String, Invalid> {
    if field.value.is_none() && mount_flag(&field.key).is_some() {
        return Ok(field.key.clone());
    }
    if !keys.contains(&field.key.as_str()) {
        return Err(unknown_word(&field.to_string()));
    }
    match (field.key.as_str(), field.value.as_deref()) {
        (key @ ("mode" | "ptmxmode"), Some(value)) => octal(value).map(|mode| format!("{key}={mode}")),
        ("lowerdir" | "upperdir" | "workdir", Some(value)) if !value.starts_with('/') => {
            Err(Invalid::new(format!("{value:?} is not an absolute path")))
        }
        _ => Ok(field.to_string()),
    }
}

/// One `key` or `key=value`.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    key: String,
    value: Option<String>,
}

impl Field {
    fn value(&self) -> Result<&str, Invalid> {
        self.value
            .as_deref()
            .filter(|value| !value.is_empty() && !value.contains('\0'))
            .ok_or_else(|| Invalid::new(format!("{} has no value", self.key)).with_hint(FORM))
    }

    fn truth(&self) -> Result<bool, Invalid> {
        match self.value.as_deref() {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => Err(Invalid::new(format!("{}={other}: say true or false", self.key))),
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.key),
            None => f.write_str(&self.key),
        }
    }
}

/// Splits at commas, except inside a field that is quoted as a whole (`"src=/a,b",...`), as CSV has it.
fn split_fields(text: &str) -> Result<Vec<Field>, Invalid> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let at_start = fields.last().is_some_and(String::is_empty);
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                fields.last_mut().into_iter().for_each(|f| f.extend(chars.next()));
            }
            '"' if quoted || at_start => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().into_iter().for_each(|f| f.push(c)),
        }
    }
    if quoted {
        return Err(Invalid::new(format!("a quotation mark is not closed in {text:?}")));
    }
    Ok(fields.into_iter().filter(|field| !field.is_empty()).map(into_field).collect())
}

fn into_field(text: String) -> Field {
    match text.split_once('=') {
        Some((key, value)) => Field { key: key.to_owned(), value: Some(value.to_owned()) },
        None => Field { key: text, value: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_mount_in_docker_s_words() {
        let mount = parse_mount("type=bind,source=/a,target=/b,readonly,bind-propagation=rslave").unwrap();
        assert_eq!(mount.kind, MountKind::Bind("/a".into()));
        assert_eq!(mount.options, ["rbind", "rro", "rslave"]);
        let single = parse_mount("type=bind,src=/a,dst=/b,ro=true,bind-recursive=disabled").unwrap();
        assert_eq!(single.options, ["bind", "ro", "rprivate"]);
        let writable = parse_mount("type=bind,src=/a,dst=/b,ro,bind-recursive=writable,idmap").unwrap();
        assert_eq!(writable.options, ["rbind", "ro", "rprivate", "idmap"]);
    }

    #[test]
    fn a_tmpfs_and_other_file_systems() {
        let tmpfs = parse_mount("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770").unwrap();
        assert_eq!(tmpfs.options, ["nosuid", "nodev", "noexec", "size=1048576", "mode=1770"]);
        let devpts = parse_mount("type=devpts,dst=/p,newinstance,ptmxmode=666").unwrap();
        assert_eq!(devpts.options, ["newinstance", "ptmxmode=0666"]);
        assert_eq!(parse_mount("type=mqueue,dst=/q").unwrap().kind, MountKind::FileSystem("mqueue"));
        assert!(parse_mount("type=overlay,dst=/o,lowerdir=/a:/b").is_ok());
    }

    #[test]
    fn the_files_of_the_kernel_come_with_care() {
        let options = |text: &str| parse_mount(text).unwrap().options;
        assert_eq!(options("type=proc,dst=/p"), ["nosuid", "nodev", "noexec"]);
        assert_eq!(options("type=proc,dst=/p,exec,ro"), ["nosuid", "nodev", "exec", "ro"]);
        assert_eq!(options("type=sysfs,dst=/s"), ["nosuid", "nodev", "noexec", "ro"]);
        assert_eq!(options("type=sysfs,dst=/s,rw"), ["nosuid", "nodev", "noexec"]);
    }

    #[test]
    fn a_quoted_field_may_hold_a_comma() {
        let mount = parse_mount("type=bind,\"src=/a,\"\"b\",dst=/c").unwrap();
        assert_eq!(mount.kind, MountKind::Bind("/a,\"b".into()));
    }

    #[test]
    fn what_is_no_mount_is_refused() {
        for text in [
            "",
            "type=bind",
            "type=bind,src=/a",
            "type=bind,dst=/b",
            "src=/a,dst=/b",
            "type=volume,src=v,dst=/b",
            "type=bind,src=/a,dst=b",
            "type=bind,src=/a,dst=/b,ro,rw",
            "type=bind,src=/a,dst=/b,tmpfs-size=1m",
            "type=tmpfs,src=/a,dst=/b",
            "type=tmpfs,dst=/b,lowerdir=/x",
            "type=overlay,dst=/o,lowerdir=a",
            "type=bind,type=bind,src=/a,dst=/b",
            "type=ext4,dst=/b",
            "\"type=bind",
            "type=bind,src=/a,dst=/b,ro=maybe",
        ] {
            assert!(parse_mount(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse_mount(&text);
        }

        #[test]
        fn no_fields_panic(kind in "bind|tmpfs|devpts|overlay|proc", rest in "[a-z=,\"/0-9-]*") {
            let _ = parse_mount(&format!("type={kind},dst=/d,{rest}"));
        }
    }
}
