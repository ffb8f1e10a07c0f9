//! The messages of rtnetlink(7) that devices and their addresses take: written for the kernel, and read from bytes of which
//! nothing is believed.

use holm_sys::{Errno, Error, Result};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
/// In an answer: what was listed changed meanwhile.
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_CREATE: u16 = 0x400;

const IFLA_IFNAME: u16 = 3;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_EXT_MASK: u16 = 29;
/// Without the counters, which nobody asks for.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;
/// Above these bits an attribute says how it is encoded.
const ATTRIBUTE_KIND: u16 = 0x3fff;

const IFF_UP: u32 = 1;
const IFA_F_NODAD: u32 = 0x02;
const IFA_F_PERMANENT: u32 = 0x80;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;
const RT_SCOPE_UNIVERSE: u8 = 0;
const AF_INET6: u8 = 10;

const HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number in its network namespace.
    pub index: i32,
    /// Its name there.
    pub name: String,
    /// Whether it is up.
    pub up: bool,
}

/// An address of a network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The device's number.
    pub index: i32,
    family: u8,
    prefix: u8,
    scope: u8,
    flags: u32,
    /// The attributes that say which it is, as they came: the address, that of the other end, that of all.
    values: Vec<(u16, Vec<u8>)>,
}

impl Address {
    /// Whether somebody gave it to the device to keep, for talk with the whole world: neither is so of what an autoconfiguration
    /// has found, or what the kernel makes of the device's own number.
    pub fn is_lasting(&self) -> bool {
        self.flags & IFA_F_PERMANENT != 0 && self.scope == RT_SCOPE_UNIVERSE
    }

    /// Whether it is one of IPv6.
    pub fn is_v6(&self) -> bool {
        self.family == AF_INET6
    }
}

/// A question or an order.
#[derive(Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// What an error calls it.
    pub(crate) call: String,
}

impl Request {
    /// Which device has this name, or has it as another one of its names.
    pub(crate) fn get_link(name: &str) -> Result<Self> {
        let call = format!("netlink(RTM_GETLINK, {name:?})");
        let request = Self::new(RTM_GETLINK, 0, call, &link_header(0, 0));
        request.attribute(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes())?.name(name)
    }

    /// All addresses of all devices: only newer kernels can be asked for those of one.
    pub(crate) fn get_addresses() -> Self {
        let call = "netlink(RTM_GETADDR)".to_owned();
        Self::new(RTM_GETADDR, NLM_F_DUMP, call, &address_header(0, 0, 0, 0))
    }

    /// The device goes to the network namespace behind the descriptor, and has this name there.
    pub(crate) fn move_link(index: i32, name: &str, namespace: i32) -> Result<Self> {
        let call = format!("netlink(RTM_NEWLINK, IFLA_NET_NS_FD, {name:?})");
        let request = Self::new(RTM_NEWLINK, 0, call, &link_header(index, 0));
        request.name(name)?.attribute(IFLA_NET_NS_FD, &namespace.to_ne_bytes())
    }

    /// The device is brought up.
    pub(crate) fn set_up(index: i32) -> Self {
        Self::new(RTM_NEWLINK, 0, "netlink(RTM_NEWLINK, IFF_UP)".into(), &link_header(index, IFF_UP))
    }

    /// The device gets an address that it, or another one, had.
    pub(crate) fn add_address(index: i32, address: &Address) -> Result<Self> {
        let header = address_header(address.family, address.prefix, address.scope, index);
        let call = format!("netlink(RTM_NEWADDR, {address})");
        let mut request = Self::new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, call, &header);
        for (kind, value) in &address.values {
            request = request.attribute(*kind, value)?;
        }
        let kept = address.flags & (IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
        request.attribute(IFA_FLAGS, &kept.to_ne_bytes())
    }

    fn new(kind: u16, flags: u16, call: String, family_header: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        // The length and the number come last, see [`Request::numbered`].
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(family_header);
        Self { bytes, call }
    }

    fn name(self, name: &str) -> Result<Self> {
        self.attribute(IFLA_IFNAME, &[name.as_bytes(), &[0]].concat())
    }

    /// A length that does not fit would make of the value's end attributes of its own (CVE-2021-43784).
    fn attribute(mut self, kind: u16, value: &[u8]) -> Result<Self> {
        let length = u16::try_from(ATTRIBUTE_HEADER + value.len())
            .map_err(|_| Error::new(self.call.clone(), Errno::MSGSIZE))?;
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(aligned(self.bytes.len()), 0);
        Ok(self)
    }

    /// Its bytes, as the message of this number.
    pub(crate) fn numbered(&self, number: u32) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let kind = self.bytes.get(4..8).unwrap_or_default();
        let body = self.bytes.get(12..).unwrap_or_default();
        [&length.to_ne_bytes()[..], kind, &number.to_ne_bytes(), body].concat()
    }
}

/// A `struct ifinfomsg`; only the flags that are set are changed.
fn link_header(index: i32, set: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(index.to_ne_bytes());
    bytes.extend(set.to_ne_bytes());
    bytes.extend(set.to_ne_bytes());
    bytes
}

/// A `struct ifaddrmsg`; its flags are in an attribute.
fn address_header(family: u8, prefix: u8, scope: u8, index: i32) -> Vec<u8> {
    let mut bytes = vec![family, prefix, 0, scope];
    bytes.extend(index.to_ne_bytes());
    bytes
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// What a message of the kernel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The request was carried out, or with what it failed.
    Answered(std::result::Result<(), Errno>),
    /// A device.
    Link(Link),
    /// An address.
    Address(Address),
    /// What nobody asked for.
    Other,
}

/// A message of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The number of the request that it answers.
    pub number: u32,
    /// Whether what is listed has changed meanwhile.
    pub interrupted: bool,
    /// What it says.
    pub said: Said,
}

/// Reads what came in one packet; the rest of it is passed over from where it has no form.
pub fn read_messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some((message, rest)) = read_message(bytes) {
        messages.push(message);
        bytes = rest;
    }
    messages
}

fn read_message(bytes: &[u8]) -> Option<(Message, &[u8])> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let (kind, flags, number) = (u16_at(bytes, 4)?, u16_at(bytes, 6)?, u32_at(bytes, 8)?);
    let body = bytes.get(HEADER..length)?;
    let said = match kind {
        NLMSG_ERROR | NLMSG_DONE => Said::Answered(answer(kind, body)),
        RTM_NEWLINK => read_link(body).map_or(Said::Other, Said::Link),
        RTM_NEWADDR => read_address(body).map_or(Said::Other, Said::Address),
        _ => Said::Other,
    };
    let rest = bytes.get(aligned(length)..).unwrap_or_default();
    Some((Message { number, interrupted: flags & NLM_F_DUMP_INTR != 0, said }, rest))
}

/// The negative number of an error, or 0. The end of a list may have none.
fn answer(kind: u16, body: &[u8]) -> std::result::Result<(), Errno> {
    match u32_at(body, 0).map(u32::cast_signed) {
        Some(0) => Ok(()),
        None if kind == NLMSG_DONE => Ok(()),
        // An error has to be one, whatever it is.
        Some(number @ -4095..0) => Err(Errno::from_raw_os_error(-number)),
        _ => Err(Errno::BADMSG),
    }
}

fn read_link(body: &[u8]) -> Option<Link> {
    let (index, flags) = (u32_at(body, 4)?.cast_signed(), u32_at(body, 8)?);
    let name = Attributes(body.get(16..)?).find(|(kind, _)| *kind == IFLA_IFNAME)?.1;
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Link { index, name: String::from_utf8_lossy(name).into_owned(), up: flags & IFF_UP != 0 })
}

fn read_address(body: &[u8]) -> Option<Address> {
    let [family, prefix, flags, scope] = *body.first_chunk()?;
    let index = u32_at(body, 4)?.cast_signed();
    let mut address = Address { index, family, prefix, scope, flags: flags.into(), values: Vec::new() };
    for (kind, value) in Attributes(body.get(8..)?) {
        match kind {
            IFA_ADDRESS | IFA_LOCAL | IFA_BROADCAST => address.values.push((kind, value.to_owned())),
            // The eight bits of the header are the lower ones of these.
            IFA_FLAGS => address.flags = u32_at(value, 0)?,
            _ => {}
        }
    }
    Some(address)
}

/// The attributes of a message, until one has no form.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16_at(self.0, 0)?);
        let kind = u16_at(self.0, 2)? & ATTRIBUTE_KIND;
        let value = self.0.get(ATTRIBUTE_HEADER..length)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

impl std::fmt::Display for Address {
    /// As ip(8) has it: `192.0.2.1/24`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = |wanted: u16| self.values.iter().find(|(kind, _)| *kind == wanted);
        let Some((_, own)) = value(IFA_LOCAL).or_else(|| value(IFA_ADDRESS)) else {
            return f.write_str("no address");
        };
        match (<[u8; 4]>::try_from(own.as_slice()), <[u8; 16]>::try_from(own.as_slice())) {
            (Ok(v4), _) => write!(f, "{}/{}", std::net::Ipv4Addr::from(v4), self.prefix),
            (_, Ok(v6)) => write!(f, "{}/{}", std::net::Ipv6Addr::from(v6), self.prefix),
            _ => f.write_str("no address"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The kernel's message of a link and of an address are made as a request is.
    fn sent(kind: u16, header: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut request = Request::new(kind, 0, String::new(), header);
        for (kind, value) in attributes {
            request = request.attribute(*kind, value).unwrap();
        }
        request.numbered(7)
    }

    #[test]
    fn a_link_and_an_address_in_one_packet() {
        let link = sent(RTM_NEWLINK, &link_header(3, IFF_UP), &[(99, b"x"), (IFLA_IFNAME, b"eth0\0")]);
        let flags = (IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE).to_ne_bytes();
        let own = [192, 0, 2, 1];
        let address =
            sent(RTM_NEWADDR, &address_header(2, 24, 0, 3), &[(IFA_LOCAL, &own), (IFA_FLAGS, &flags)]);
        let messages = read_messages(&[link, address].concat());
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].number, 7);
        assert_eq!(messages[0].said, Said::Link(Link { index: 3, name: "eth0".into(), up: true }));
        let Said::Address(address) = &messages[1].said else { panic!("{messages:?}") };
        assert_eq!((address.index, address.is_lasting(), address.is_v6()), (3, true, false));
        assert_eq!(address.to_string(), "192.0.2.1/24");
    }

    #[test]
    fn an_address_of_a_link_alone_or_for_a_time_does_not_last() {
        for (scope, flags) in [(253, IFA_F_PERMANENT), (0, 0)] {
            let flags: u32 = flags;
            let bytes = sent(
                RTM_NEWADDR,
                &address_header(2, 24, scope, 3),
                &[(IFA_LOCAL, &[10, 0, 0, 1]), (IFA_FLAGS, &flags.to_ne_bytes())],
            );
            let messages = read_messages(&bytes);
            assert!(
                matches!(&messages[0].said, Said::Address(address) if !address.is_lasting()),
                "{messages:?}"
            );
        }
    }

    #[test]
    fn an_error_is_one_and_the_end_of_a_list_is_none() {
        let said = |kind, number: i32| read_messages(&sent(kind, &number.to_ne_bytes(), &[])).remove(0).said;
        assert_eq!(said(NLMSG_ERROR, 0), Said::Answered(Ok(())));
        assert_eq!(said(NLMSG_ERROR, -17), Said::Answered(Err(Errno::EXIST)));
        assert_eq!(said(NLMSG_ERROR, i32::MIN), Said::Answered(Err(Errno::BADMSG)));
        assert_eq!(said(NLMSG_DONE, 0), Said::Answered(Ok(())));
        assert_eq!(read_messages(&sent(NLMSG_DONE, &[], &[])).remove(0).said, Said::Answered(Ok(())));
    }

    #[test]
    fn a_value_that_is_too_long_is_refused() {
        let long = "x".repeat(1 << 16);
        assert_eq!(Request::get_link(&long).unwrap_err().errno(), Errno::MSGSIZE);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..256)) {
            let _ = read_messages(&bytes);
        }

        #[test]
        fn no_body_panics(
            link in proptest::bool::ANY,
            body in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
        ) {
            let kind = if link { RTM_NEWLINK } else { RTM_NEWADDR };
            for message in read_messages(&sent(kind, &body, &[])) {
                if let Said::Address(address) = message.said {
                    let _ = (address.to_string(), Request::add_address(1, &address));
                }
            }
        }
    }
}
