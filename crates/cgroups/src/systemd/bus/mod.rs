//! A client of D-Bus: calls one after the other over a UNIX socket, and the signals that come in between. No threads, no
//! descriptors in messages, no objects of its own.

pub(crate) mod address;
pub(crate) mod message;
pub(crate) mod value;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use address::Address;
use message::{Fields, HEAD, Kind, Message};
use rustix::net::sockopt::Timeout;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use value::Value;

/// What goes wrong on a bus.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The socket.
    Io(io::Error),
    /// The other side does not take this user.
    Refused(String),
    /// It says what makes no sense.
    Malformed(&'static str),
    /// What it says is shorter than it has to be.
    Short,
    /// Nothing came in time.
    Late,
    /// A call was answered by an error: its name, and the text that came with it.
    Answer(String, String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Refused(line) => write!(f, "authentication was answered by {line:?}"),
            Self::Malformed(what) => write!(f, "not D-Bus: {what}"),
            Self::Short => write!(f, "not D-Bus: a message ends too early"),
            Self::Late => write!(f, "no answer came in time"),
            Self::Answer(name, text) if text.is_empty() => write!(f, "{name}"),
            Self::Answer(name, text) => write!(f, "{text} ({name})"),
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Late,
            _ => Self::Io(error),
        }
    }
}

/// What is called: a method of an object at some name on the bus.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
}

const DAEMON: Method<'_> = Method {
    destination: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
    member: "",
};

/// How many signals are kept while an answer is waited for.
const MOST_SIGNALS: usize = 4096;

/// A connection.
#[derive(Debug)]
pub(crate) struct Bus {
    stream: UnixStream,
    /// Whether there is a bus at the other end; otherwise the one that is asked, itself.
    shared: bool,
    serial: u32,
    deadline: Instant,
    signals: VecDeque<Message>,
    /// Whose signals are heard: everybody may send any to everybody, with whatever path and name.
    heard: Option<String>,
}

impl Bus {
    /// Connects and says who this is: the kernel tells the other side, so that no number has to be given, which would be
    /// another one there in a user namespace. All that is done with it has to be done within `patience`.
    pub(crate) fn connect(address: &Address, patience: Duration) -> Result<Self, Problem> {
        let deadline = Instant::now() + patience;
        let mut bus = Self {
            stream: connect(address, patience)?,
            shared: address.shared,
            serial: 0,
            deadline,
            signals: VecDeque::new(),
            heard: None,
        };
        bus.say("\0AUTH EXTERNAL\r\n", "DATA")?;
        bus.say("DATA\r\n", "OK ")?;
        bus.write(b"BEGIN\r\n")?;
        if bus.shared {
            bus.call(&Method { member: "Hello", ..DAEMON }, Vec::new())?;
        }
        Ok(bus)
    }

    /// One line of the authentication, and the answer's beginning.
    fn say(&mut self, line: &str, expected: &str) -> Result<(), Problem> {
        self.write(line.as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n") {
            let mut byte = [0];
            self.fill(&mut byte)?;
            answer.extend_from_slice(&byte);
            if answer.len() > 512 {
                return Err(Problem::Malformed("a long line"));
            }
        }
        let answer = String::from_utf8_lossy(&answer).trim_end().to_owned();
        if answer.starts_with(expected) { Ok(()) } else { Err(Problem::Refused(answer)) }
    }

    /// Asks the bus for the signals of this name (of an object of somebody), and hears no others from now on. Who is asked
    /// itself sends its own anyway.
    pub(crate) fn listen(&mut self, signal: &Method<'_>) -> Result<(), Problem> {
        if !self.shared {
            return Ok(());
        }
        let Method { destination, path, interface, member } = signal;
        let rule = format!(
            "type='signal',sender='{destination}',path='{path}',interface='{interface}',member='{member}'"
        );
        self.call(&Method { member: "AddMatch", ..DAEMON }, vec![Value::Text(rule)])?;
        let owner =
            self.call(&Method { member: "GetNameOwner", ..DAEMON }, vec![Value::text(destination)])?;
        let owner = owner.first().and_then(Value::as_text).ok_or(Problem::Malformed("no owner of a name"))?;
        self.heard = Some(owner.to_owned());
        Ok(())
    }

    /// Calls a method, and returns what it answers. Signals that come meanwhile are kept.
    pub(crate) fn call(&mut self, method: &Method<'_>, body: Vec<Value>) -> Result<Vec<Value>, Problem> {
        self.serial += 1;
        let serial = self.serial;
        let fields = Fields {
            path: Some(method.path.to_owned()),
            interface: Some(method.interface.to_owned()),
            member: Some(method.member.to_owned()),
            destination: self.shared.then(|| method.destination.to_owned()),
            ..Fields::default()
        };
        self.write(&Message { kind: Kind::Call, serial, fields, body }.write()?)?;
        loop {
            let message = self.next()?;
            match message.kind {
                Kind::Signal => self.keep(message)?,
                Kind::Return if message.fields.reply_to == Some(serial) => return Ok(message.body),
                Kind::Error if message.fields.reply_to == Some(serial) => {
                    let text = message.body.first().and_then(Value::as_text).unwrap_or_default();
                    return Err(Problem::Answer(message.fields.error.unwrap_or_default(), text.to_owned()));
                }
                // Nobody has anything to ask of this one; answers to calls that were given up.
                Kind::Call | Kind::Return | Kind::Error => {}
            }
        }
    }

    /// Waits for a signal of this name, and returns its body.
    pub(crate) fn signal(&mut self, interface: &str, member: &str) -> Result<Vec<Value>, Problem> {
        loop {
            let message = match self.signals.pop_front() {
                Some(message) => message,
                None => self.next()?,
            };
            let fields = &message.fields;
            if message.kind == Kind::Signal
                && self.is_heard(&message)
                && fields.interface.as_deref() == Some(interface)
                && fields.member.as_deref() == Some(member)
            {
                return Ok(message.body);
            }
        }
    }

    /// A signal for later.
    fn keep(&mut self, message: Message) -> Result<(), Problem> {
        if !self.is_heard(&message) {
            return Ok(());
        }
        if self.signals.len() == MOST_SIGNALS {
            return Err(Problem::Malformed("more signals than anybody waits for"));
        }
        self.signals.push_back(message);
        Ok(())
    }

    /// The bus says who it is from, and nobody else can.
    fn is_heard(&self, message: &Message) -> bool {
        !self.shared || self.heard.is_some() && message.fields.sender == self.heard
    }

    /// Writes all of it, before the deadline.
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Problem> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.left()?))?;
            match self.stream.write(bytes) {
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn left(&self) -> Result<Duration, Problem> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Problem::Late) } else { Ok(left) }
    }

    fn next(&mut self) -> Result<Message, Problem> {
        loop {
            let mut head = [0; HEAD];
            self.fill(&mut head)?;
            let mut bytes = vec![0; Message::length(&head)?];
            let (first, rest) = bytes.split_at_mut_checked(HEAD).ok_or(Problem::Short)?;
            first.copy_from_slice(&head);
            self.fill(rest)?;
            if let Some(message) = Message::read(&bytes)? {
                return Ok(message);
            }
        }
    }

    /// Reads as much as there is room for, before the deadline.
    fn fill(&mut self, mut room: &mut [u8]) -> Result<(), Problem> {
        while !room.is_empty() {
            self.stream.set_read_timeout(Some(self.left()?))?;
            match self.stream.read(room) {
                Ok(0) => return Err(Problem::Io(io::ErrorKind::UnexpectedEof.into())),
                Ok(length) => room = room.get_mut(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// A connection to the socket. One with a full backlog is waited for as long as the time-out for sending says (unix(7)),
/// which is set before.
fn connect(address: &Address, patience: Duration) -> Result<UnixStream, Problem> {
    let kind = (AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC);
    let socket: OwnedFd = net::socket_with(kind.0, kind.1, kind.2, None).map_err(io::Error::from)?;
    net::sockopt::set_socket_timeout(&socket, Timeout::Send, Some(patience)).map_err(io::Error::from)?;
    net::connect(&socket, &address.to_connect()?).map_err(io::Error::from)?;
    Ok(socket.into())
}
