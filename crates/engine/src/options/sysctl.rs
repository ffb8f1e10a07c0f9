//! `--sysctl KEY=VALUE`.

use std::str::FromStr;

use holm_namespaces::Kind;

use super::Invalid;

/// A kernel parameter for the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysctl {
    /// Its name with dots, as sysctl(8) has it.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Sysctl {
    /// The kind of namespace that it belongs to.
    ///
    /// # Errors
    ///
    /// For a parameter that belongs to the machine: setting it in one container would set it for all.
    pub fn namespace(&self) -> Result<Kind, Invalid> {
        let key = self.key.as_str();
        if key == "kernel.hostname" {
            return Err(Invalid::new("the host name has an option of its own").with_hint("take --hostname"));
        }
        holm_spec::sysctl_namespace(key).ok_or_else(|| {
            Invalid::new(format!("{key} belongs to the whole machine and not to a namespace")).with_hint(
                "in a container: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*, kernel.domainname",
            )
        })
    }
}

impl FromStr for Sysctl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let form = || {
            Invalid::new(format!("{text:?} has not the form of a kernel parameter"))
                .with_hint("write KEY=VALUE, such as net.ipv4.ip_forward=1")
        };
        let (key, value) = text.split_once('=').ok_or_else(form)?;
        // sysctl(8) takes either separator; a name with a dot in it (a VLAN's) cannot be said in a configuration.
        let key =
            if key.contains('/') && !key.contains('.') { key.replace('/', ".") } else { key.to_owned() };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@' | b':');
        let whole = key.split('.').all(|name| !name.is_empty());
        if !whole || !key.contains('.') || !key.bytes().all(allowed) || value.contains('\0') {
            return Err(form());
        }
        if value.trim().is_empty() {
            // The kernel takes the writing of nothing for no change.
            return Err(Invalid::new(format!("{key} has no value")).with_hint(format!("write {key}=VALUE")));
        }
        Ok(Self { key, value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(text: &str) -> Result<Kind, Invalid> {
        text.parse::<Sysctl>().unwrap().namespace()
    }

    #[test]
    fn an_empty_value_sets_nothing() {
        assert!("kernel.msgmax=".parse::<Sysctl>().is_err());
        assert!("kernel.msgmax= ".parse::<Sysctl>().is_err());
    }

    #[test]
    fn each_belongs_to_its_namespace() {
        assert_eq!(namespace("net.ipv4.ip_forward=1"), Ok(Kind::Network));
        assert_eq!(namespace("net/ipv4/ip_forward=1"), Ok(Kind::Network));
        assert_eq!(namespace("kernel.msgmax=1"), Ok(Kind::Ipc));
        assert_eq!(namespace("fs.mqueue.msg_max=1"), Ok(Kind::Ipc));
        assert_eq!(namespace("kernel.domainname=x"), Ok(Kind::Uts));
    }

    #[test]
    fn those_of_the_machine_are_refused_with_the_reason() {
        for text in ["kernel.panic=1", "vm.swappiness=1", "fs.file-max=1", "kernel.msgmax2=1", "fs.mqueue=1"]
        {
            assert!(namespace(text).unwrap_err().cause().contains("whole machine"), "{text}");
        }
        assert!(namespace("kernel.hostname=x").unwrap_err().hint().unwrap().contains("--hostname"));
    }

    #[test]
    fn what_would_leave_proc_sys_is_refused() {
        for text in [
            "",
            "net",
            "net=1",
            "net..x=1",
            "../net/x=1",
            "net/../../x=1",
            "net/ipv4/conf/eth0.1/forwarding=1",
            ".net=1",
            "net.=1",
            "net ipv4=1",
        ] {
            assert!(text.parse::<Sysctl>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            if let Ok(sysctl) = text.parse::<Sysctl>() {
                let _ = sysctl.namespace();
            }
        }
    }
}
