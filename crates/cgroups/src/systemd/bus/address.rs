//! Where a bus is: the addresses of D-Bus (D-Bus Specification, "Server Addresses"), of which sockets of UNIX are taken.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use rustix::net::SocketAddrUnix;

/// One socket, which has a name.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) socket: SocketAddr,
    /// Whether a bus with several clients is there.
    pub(crate) shared: bool,
}

impl Address {
    pub(crate) fn of_bus(path: &Path) -> io::Result<Self> {
        Ok(Self { socket: SocketAddr::from_pathname(path)?, shared: true })
    }

    pub(crate) fn of_peer(path: &Path) -> io::Result<Self> {
        Ok(Self { socket: SocketAddr::from_pathname(path)?, shared: false })
    }

    /// For connect(2).
    pub(crate) fn to_connect(&self) -> io::Result<SocketAddrUnix> {
        let address = match (self.socket.as_pathname(), self.socket.as_abstract_name()) {
            (Some(path), _) => SocketAddrUnix::new(path),
            (None, Some(name)) => SocketAddrUnix::new_abstract_name(name),
            (None, None) => Err(rustix::io::Errno::INVAL),
        };
        Ok(address?)
    }

    /// The first socket of UNIX in a list such as `unix:path=/run/user/1000/bus;tcp:host=localhost`.
    pub(crate) fn parse(list: &str) -> Option<Self> {
        let socket = list.split(';').find_map(socket)?;
        Some(Self { socket, shared: true })
    }
}

fn socket(address: &str) -> Option<SocketAddr> {
    address.strip_prefix("unix:")?.split(',').find_map(|pair| match pair.split_once('=')? {
        ("path", path) => SocketAddr::from_pathname(unescaped(path)?).ok(),
        ("abstract", name) => SocketAddr::from_abstract_name(unescaped(name)?).ok(),
        _ => None,
    })
}

/// `%2f` is a slash.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_unix_are_found() {
        let path =
            |text| Address::parse(text).and_then(|address| Some(address.socket.as_pathname()?.to_owned()));
        assert_eq!(path("unix:path=/run/user/1000/bus").as_deref(), Some(Path::new("/run/user/1000/bus")));
        assert_eq!(path("tcp:host=a,port=1;unix:guid=1,path=/a%20b").as_deref(), Some(Path::new("/a b")));
        let hidden = Address::parse("unix:abstract=/tmp/dbus-x,guid=12").unwrap();
        assert_eq!(hidden.socket.as_abstract_name(), Some(&b"/tmp/dbus-x"[..]));
        for text in
            ["", "unix:", "unix:path", "unix:path=%zz", "unix:path=%2", "autolaunch:", "unix:path=/\0"]
        {
            assert!(Address::parse(text).is_none(), "{text:?}");
        }
    }
}
