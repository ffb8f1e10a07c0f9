//! /proc/PID/mountinfo.

use std::path::PathBuf;

/// One line of mountinfo, as proc_pid_mountinfo(5) has it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MountEntry {
    /// The mount's id.
    pub id: u32,
    /// The id of the mount that it is on.
    pub parent: u32,
    /// `major:minor` of the device.
    pub device: String,
    /// The directory of the file system that is its root.
    pub root: PathBuf,
    /// Where it is, from this process's root.
    pub mount_point: PathBuf,
    /// The options of the mount.
    pub options: String,
    /// Its peer group, when shared.
    pub shared: Option<u32>,
    /// The peer group that it receives from, when a slave.
    pub master: Option<u32>,
    /// The file system.
    pub fstype: String,
    /// The device or other source.
    pub source: String,
    /// The options of the file system's instance.
    pub super_options: String,
}

/// Reads the text of a mountinfo file. A line that does not have its form is passed over: newer kernels may add
/// some, and a hostile mount point cannot make one (it is escaped). It is no text, as a path need not be UTF-8.
pub fn parse_mountinfo(text: &[u8]) -> Vec<MountEntry> {
    text.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<MountEntry> {
    let mut fields = line.split(|byte| *byte == b' ');
    let mut next = || fields.next();
    let (id, parent, device) = (number(next()?)?, number(next()?)?, text(next()?));
    let (root, mount_point, options) = (unescape(next()?), unescape(next()?), text(next()?));
    let (mut shared, mut master) = (None, None);
    loop {
        let field = next()?;
        if field == b"-" {
            break;
        }
        match (field.strip_prefix(b"shared:"), field.strip_prefix(b"master:")) {
            (Some(group), _) => shared = number(group),
            (_, Some(group)) => master = number(group),
            _ => {}
        }
    }
    let (fstype, source, super_options) = (text(next()?), unescape(next()?), text(next()?));
    let source = source.to_string_lossy().into_owned();
    Some(MountEntry {
        id,
        parent,
        device,
        root,
        mount_point,
        options,
        shared,
        master,
        fstype,
        source,
        super_options,
    })
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

/// Turns the octal escapes of the kernel (`\040` for a space) back into bytes.
fn unescape(field: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = tail.get(..3).filter(|_| first == b'\\').and_then(octal);
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    std::ffi::OsString::from_vec(bytes).into()
}

fn octal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_peer_groups_and_escapes() {
        let text =
            b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime shared:7 master:1 - ext3 /dev/root rw,errors=continue\n";
        let entries = parse_mountinfo(text);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].mount_point, PathBuf::from("/mnt 2"));
        assert_eq!((entries[0].shared, entries[0].master), (Some(7), Some(1)));
        assert_eq!(entries[0].fstype, "ext3");
    }

    #[test]
    fn a_mount_point_that_is_no_text_is_one() {
        use std::os::unix::ffi::OsStrExt;
        let entries =
            parse_mountinfo(b"36 35 98:0 / /home/\xff rw - fuse x rw\n37 35 98:1 / /home/b rw - ext4 y rw\n");
        assert_eq!(entries[0].mount_point.as_os_str().as_bytes(), b"/home/\xff");
        assert_eq!(entries[1].mount_point, PathBuf::from("/home/b"));
    }

    #[test]
    fn this_machine_s_own_has_a_root() {
        let text = std::fs::read("/proc/self/mountinfo").unwrap();
        assert!(parse_mountinfo(&text).iter().any(|entry| entry.mount_point.as_os_str() == "/"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: Vec<u8>) {
            let _ = parse_mountinfo(&text);
        }
    }
}
