//! The witness: looks at a container from inside, and says what it sees. It is static, and runs in any root.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a witness that cannot see fails"
)]

use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use holm_sys::{SignalSet, block_signals, wait_for_signal};
use rustix::termios::{isatty, tcgetwinsize};
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("namespaces") => namespaces(),
        Some("clocks") => clocks(),
        Some("signals") => signals(words.get(1).is_none_or(|word| word != "quiet")),
        Some("hold") => hold(&words[1], &words[2]),
        Some("terminal") => terminal(),
        Some("calls") => calls(),
        Some("fill") => fill(&words[1]),
        _ => panic!("there is nothing to witness in {words:?}"),
    }
}

/// The namespaces of this process, as the links in /proc/self/ns say them.
fn namespaces() {
    for kind in holm_tests::LINKS {
        let link = std::fs::read_link(format!("/proc/self/ns/{kind}")).expect("/proc is there");
        println!("{kind} {}", link.display());
    }
}

/// Seconds since some beginning, by the two clocks that a time namespace has of its own, and by /proc/uptime.
fn clocks() {
    let uptime = std::fs::read_to_string("/proc/uptime").expect("/proc is there");
    let uptime = uptime.split('.').next().unwrap();
    let seconds = |clock| clock_gettime(clock).tv_sec;
    println!("{} {} {uptime}", seconds(ClockId::Monotonic), seconds(ClockId::Boottime));
}

/// What the kernel answers to a call that is old, and to one that came with Linux 5.6.
fn calls() {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdir, openat2};
    let answer = |result: rustix::io::Result<()>| result.map_or_else(rustix::io::Errno::raw_os_error, |()| 0);
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let opened = openat2(CWD, "/", flags, Mode::empty(), ResolveFlags::empty());
    println!("mkdir {}", answer(mkdir("/", Mode::RWXU)));
    println!("openat2 {}", answer(opened.map(drop)));
}

/// Says each signal that comes, by its number, until SIGTERM.
fn signals(to_the_end: bool) {
    block_signals().expect("signals can be blocked");
    println!("ready");
    loop {
        let signal = wait_for_signal(&SignalSet::all()).expect("a signal comes").number;
        println!("{signal}");
        if signal == 15 && to_the_end {
            return;
        }
    }
}

/// Takes a port and an abstract name, says so, and keeps them until its input ends.
fn hold(port: &str, name: &str) {
    let port = std::net::TcpListener::bind(format!("0.0.0.0:{port}")).expect("the port is free");
    let address = SocketAddr::from_abstract_name(name).expect("a name");
    let socket = UnixListener::bind_addr(&address).expect("the name is free");
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("input ends");
    drop((port, socket));
}

/// Which of the standard streams are terminals, the size of the first one, and each further size, until the input ends.
fn terminal() {
    block_signals().expect("signals can be blocked");
    let streams = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    println!("terminals {:?}", streams.map(isatty));
    loop {
        let size = tcgetwinsize(rustix::stdio::stdin()).expect("a terminal has a size");
        println!("size {}x{}", size.ws_row, size.ws_col);
        match wait_for_signal(&SignalSet::all()).expect("a signal comes").number {
            28 => {}
            signal => {
                println!("signal {signal}");
                return;
            }
        }
    }
}

/// Writes to a file until there is no room any more; says how many bytes went in, and what the kernel said.
fn fill(path: &str) {
    let mut file = std::fs::File::create(path).expect("a file");
    let chunk = [1; 65536];
    let mut written = 0;
    loop {
        match file.write(&chunk) {
            Ok(length) => written += length,
            Err(error) => {
                println!("{written} {}", error.raw_os_error().unwrap_or(0));
                return;
            }
        }
    }
}
