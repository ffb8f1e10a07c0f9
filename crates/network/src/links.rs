//! The devices of a network namespace, by a socket of rtnetlink(7).

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use holm_sys::{Context, Errno, Error, Result};
use rustix::io::retry_on_intr;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

use crate::message::{Address, Link, Message, Request, Said, read_messages};

/// More than the kernel puts into one packet.
const PACKET: usize = 64 << 10;
/// How often a list is asked for again that changed while it was made.
const TRIES: usize = 8;

/// The devices of the network namespace that the thread was in when this was opened.
#[derive(Debug)]
pub struct Links {
    socket: OwnedFd,
    number: u32,
}

impl Links {
    /// Those of the calling thread's network namespace; it may leave that, this stays.
    ///
    /// # Errors
    ///
    /// What socket(2) says; nobody needs any privilege to look at them.
    pub fn open() -> Result<Self> {
        // NETLINK_ROUTE is protocol 0.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
            .call(|| "socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)")?;
        // Connected to the kernel it hears nobody else.
        connect(&socket, &SocketAddrNetlink::new(0, 0)).call(|| "connect(NETLINK_ROUTE)")?;
        Ok(Self { socket, number: 0 })
    }

    /// The device with this name; newer kernels (Linux 5.5) find it by another one of its names too.
    ///
    /// # Errors
    ///
    /// What the kernel says, but for that there is none.
    pub fn find(&mut self, name: &str) -> Result<Option<Link>> {
        let request = Request::get_link(name)?;
        match self.ask(&request) {
            Ok(said) => {
                let link = said.into_iter().find_map(|said| match said {
                    Said::Link(link) => Some(link),
                    _ => None,
                });
                // It has answered that it was found: something has to be there.
                link.map(Some).ok_or_else(|| Error::new(request.call, Errno::BADMSG))
            }
            Err(error) if error.errno() == Errno::NODEV => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The addresses of a device, in the kernel's order.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn addresses(&mut self, index: i32) -> Result<Vec<Address>> {
        let said = self.ask(&Request::get_addresses())?;
        let addresses = said.into_iter().filter_map(|said| match said {
            Said::Address(address) if address.index == index => Some(address),
            _ => None,
        });
        Ok(addresses.collect())
    }

    /// Moves a device into the network namespace behind `namespace`, where it has this name. Its addresses are lost, and it
    /// is down then.
    ///
    /// # Errors
    ///
    /// `EPERM` without `CAP_NET_ADMIN` over both network namespaces, `EINVAL` for a device that belongs to its namespace,
    /// `EEXIST` when the name is taken. The device may have been moved nevertheless, and have its old name there.
    pub fn move_to(&mut self, index: i32, name: &str, namespace: BorrowedFd<'_>) -> Result<()> {
        self.ask(&Request::move_link(index, name, namespace.as_raw_fd())?).map(drop)
    }

    /// Gives a device an address.
    ///
    /// # Errors
    ///
    /// `EPERM` without `CAP_NET_ADMIN`, `EEXIST` when it has it, `EACCES` for one of IPv6 where that is off.
    pub fn add_address(&mut self, index: i32, address: &Address) -> Result<()> {
        self.ask(&Request::add_address(index, address)?).map(drop)
    }

    /// Brings a device up.
    ///
    /// # Errors
    ///
    /// `EPERM` without `CAP_NET_ADMIN`; what the device's driver says.
    pub fn set_up(&mut self, index: i32) -> Result<()> {
        self.ask(&Request::set_up(index)).map(drop)
    }

    /// Sends a request, and answers with what the kernel said before it said that this was all.
    fn ask(&mut self, request: &Request) -> Result<Vec<Said>> {
        for _ in 0..TRIES {
            let (messages, interrupted) = self.ask_once(request)?;
            if !interrupted {
                return Ok(messages.into_iter().map(|message| message.said).collect());
            }
        }
        Err(Error::new(request.call.clone(), Errno::AGAIN))
    }

    /// What the kernel says, and whether a list has changed while it did.
    fn ask_once(&mut self, request: &Request) -> Result<(Vec<Message>, bool)> {
        self.number = self.number.wrapping_add(1);
        let call = || request.call.clone();
        let bytes = request.numbered(self.number);
        retry_on_intr(|| send(&self.socket, &bytes, SendFlags::empty())).call(call)?;
        let mut packet = vec![0; PACKET];
        let (mut heard, mut interrupted) = (Vec::new(), false);
        loop {
            let (read, length) =
                retry_on_intr(|| recv(&self.socket, packet.as_mut_slice(), RecvFlags::TRUNC)).call(call)?;
            if length > read {
                return Err(Error::new(call(), Errno::MSGSIZE));
            }
            let messages = read_messages(packet.get(..read).unwrap_or_default());
            for message in messages.into_iter().filter(|message| message.number == self.number) {
                // The end of a list may be the only message that tells.
                interrupted |= message.interrupted;
                match message.said {
                    Said::Answered(Err(errno)) => return Err(Error::new(call(), errno)),
                    Said::Answered(Ok(())) => return Ok((heard, interrupted)),
                    _ => heard.push(message),
                }
            }
        }
    }
}
