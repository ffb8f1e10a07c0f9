//! Against a systemd that is played: what it is told, and what becomes of each of its answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use super::bus::address::Address;
use super::bus::message::{Fields, HEAD, Kind, Message};
use super::bus::value::Value;
use super::*;

/// What the played systemd says to a call: messages without their serials.
type Answers = Vec<(Kind, Fields, Vec<Value>)>;

/// The name of the bus for who has systemd's.
const OWNER: &str = ":1.0";
const JOB: &str = "/org/freedesktop/systemd1/job/7";

fn returned(call: &Message, body: Vec<Value>) -> (Kind, Fields, Vec<Value>) {
    (Kind::Return, Fields { reply_to: Some(call.serial), ..Fields::default() }, body)
}

fn refused(call: &Message, name: &str) -> (Kind, Fields, Vec<Value>) {
    let fields = Fields { reply_to: Some(call.serial), error: Some(name.into()), ..Fields::default() };
    (Kind::Error, fields, vec![Value::text("played")])
}

fn removed(job: &str, result: &str) -> (Kind, Fields, Vec<Value>) {
    let fields = Fields {
        path: Some("/org/freedesktop/systemd1".into()),
        interface: Some("org.freedesktop.systemd1.Manager".into()),
        member: Some("JobRemoved".into()),
        sender: Some(OWNER.into()),
        ..Fields::default()
    };
    let body = vec![Value::U32(7), Value::Object(job.into()), Value::text("a.scope"), Value::text(result)];
    (Kind::Signal, fields, body)
}

/// Plays one connection in a thread; at its end there are the calls that came.
struct Played {
    path: std::path::PathBuf,
    calls: JoinHandle<Vec<Message>>,
}

impl Played {
    fn new(answer: impl Fn(&Message) -> Answers + Send + 'static) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("holm-played-{}-{number}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let calls = std::thread::spawn(move || play(&listener.accept().unwrap().0, &answer));
        Self { path, calls }
    }

    fn connect(&self, shared: bool) -> Systemd {
        let address = if shared { Address::of_bus(&self.path) } else { Address::of_peer(&self.path) };
        Systemd::over(&address.unwrap()).unwrap()
    }

    fn calls(self) -> Vec<Message> {
        std::fs::remove_file(&self.path).unwrap();
        self.calls.join().unwrap()
    }
}

fn play(stream: &UnixStream, answer: &dyn Fn(&Message) -> Answers) -> Vec<Message> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    for (expected, answer) in
        [("\0AUTH EXTERNAL\r\n", "DATA\r\n"), ("DATA\r\n", "OK 0123\r\n"), ("BEGIN\r\n", "")]
    {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, expected);
        writer.write_all(answer.as_bytes()).unwrap();
    }
    let mut calls = Vec::new();
    loop {
        let mut bytes = vec![0; HEAD];
        if reader.read_exact(&mut bytes).is_err() {
            return calls;
        }
        bytes.resize(Message::length(bytes.as_slice().try_into().unwrap()).unwrap(), 0);
        reader.read_exact(&mut bytes[HEAD..]).unwrap();
        let call = Message::read(&bytes).unwrap().unwrap();
        for (serial, (kind, fields, body)) in (1..).zip(answer(&call)) {
            writer.write_all(&Message { kind, serial, fields, body }.write().unwrap()).unwrap();
        }
        calls.push(call);
    }
}

fn member(call: &Message) -> &str {
    call.fields.member.as_deref().unwrap()
}

/// Everything goes well; the job's end is told before the job itself, and that of another one before both.
fn good(call: &Message) -> Answers {
    match member(call) {
        "StartTransientUnit" | "StopUnit" => vec![
            removed("/org/freedesktop/systemd1/job/6", "failed"),
            removed(JOB, "done"),
            returned(call, vec![Value::Object(JOB.into())]),
        ],
        "GetNameOwner" => vec![returned(call, vec![Value::text(OWNER)])],
        _ => vec![returned(call, Vec::new())],
    }
}

fn scope() -> Scope {
    Scope { whose: Whose::User, unit: Unit::parse("a.slice:x:y", "user.slice").unwrap() }
}

fn process() -> Pid {
    Pid::from_raw(4711).unwrap()
}

/// The value of a property in the call that starts a unit.
fn property<'a>(call: &'a Message, wanted: &str) -> Option<&'a Value> {
    let Value::Array(_, pairs) = &call.body[2] else { panic!("{call:?}") };
    pairs.iter().find_map(|pair| match pair {
        Value::Struct(pair) if pair[0].as_text() == Some(wanted) => match &pair[1] {
            Value::Variant(value) => Some(&**value),
            other => panic!("{other:?}"),
        },
        _ => None,
    })
}

#[test]
fn a_scope_is_started_with_the_process_in_it() {
    let played = Played::new(good);
    let asked = ["'90'", "['x.service']"].map(|text| AskedProperty::parse("After", text).unwrap());
    let timeout = AskedProperty::parse("TimeoutStopSec", "30").unwrap();
    let properties = scope().properties(process(), &[&asked[1..], &[timeout]].concat()).unwrap();
    played.connect(true).start(&scope().unit, &properties).unwrap();
    let calls = played.calls();
    assert_eq!(
        calls.iter().map(member).collect::<Vec<_>>(),
        ["Hello", "AddMatch", "GetNameOwner", "StartTransientUnit"]
    );
    let call = &calls[3];
    assert_eq!(call.fields.destination.as_deref(), Some("org.freedesktop.systemd1"));
    assert_eq!(call.body[0], Value::text("x-y.scope"));
    assert_eq!(call.body.iter().map(Value::signature).collect::<String>(), "ssa(sv)a(sa(sv))");
    assert_eq!(property(call, "Slice"), Some(&Value::text("a.slice")));
    assert_eq!(property(call, "Delegate"), Some(&Value::Bool(true)));
    assert_eq!(property(call, "PIDs"), Some(&Value::Array("u".into(), vec![Value::U32(4711)])));
    assert_eq!(property(call, "TimeoutStopUSec"), Some(&Value::U64(30_000_000)));
    assert_eq!(property(call, "After"), Some(&Value::Array("s".into(), vec![Value::text("x.service")])));
    assert_eq!(property(call, "Wants"), None);
}

#[test]
fn the_end_of_a_job_is_told_by_systemd_alone() {
    let played = Played::new(|call| match member(call) {
        "StartTransientUnit" => {
            let forged = [Some(":1.66"), Some("org.freedesktop.systemd1"), None].map(|sender| {
                let (kind, fields, body) = removed(JOB, "failed");
                (kind, Fields { sender: sender.map(str::to_owned), ..fields }, body)
            });
            let before = forged.clone().into_iter();
            let job = returned(call, vec![Value::Object(JOB.into())]);
            before.chain([job]).chain(forged).chain([removed(JOB, "done")]).collect()
        }
        _ => good(call),
    });
    played.connect(true).start(&scope().unit, &scope().properties(process(), &[]).unwrap()).unwrap();
    played.calls();
}

#[test]
fn systemd_itself_is_asked_without_a_bus() {
    let played = Played::new(good);
    played.connect(false).start(&scope().unit, &scope().properties(process(), &[]).unwrap()).unwrap();
    let calls = played.calls();
    assert_eq!(calls.iter().map(member).collect::<Vec<_>>(), ["StartTransientUnit"]);
    assert_eq!(calls[0].fields.destination, None);
}

#[test]
fn a_slice_has_no_process_and_wants_the_one_above() {
    let scope =
        Scope { whose: Whose::System, unit: Unit::parse("a.slice:x:a-b.slice", "system.slice").unwrap() };
    let properties = scope.properties(process(), &[]).unwrap();
    let names: Vec<_> = properties.iter().map(|property| property.name.as_str()).collect();
    assert!(
        names.contains(&"Wants") && !names.contains(&"PIDs") && !names.contains(&"Delegate"),
        "{names:?}"
    );
}

#[test]
fn what_failed_under_the_name_is_forgotten_once() {
    for (refusals, well) in [(1, true), (2, false)] {
        let times = AtomicU32::new(0);
        let played = Played::new(move |call| match member(call) {
            "StartTransientUnit" if times.fetch_add(1, Ordering::Relaxed) < refusals => {
                vec![refused(call, "org.freedesktop.systemd1.UnitExists")]
            }
            _ => good(call),
        });
        let started = played.connect(false).start(&scope().unit, &[]);
        assert_eq!(started.is_ok(), well, "{started:?}");
        let calls = played.calls();
        let members: Vec<_> = calls.iter().map(member).collect();
        assert_eq!(members, ["StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"]);
    }
}

#[test]
fn a_job_that_fails_is_an_error_that_names_the_unit() {
    let played = Played::new(|call| match member(call) {
        "StartTransientUnit" => {
            vec![returned(call, vec![Value::Object(JOB.into())]), removed(JOB, "timeout")]
        }
        _ => good(call),
    });
    let error = played.connect(true).start(&scope().unit, &[]).unwrap_err().to_string();
    assert!(error.contains("x-y.scope") && error.contains("timeout"), "{error}");
    played.calls();
}

#[test]
fn a_unit_that_is_gone_is_stopped() {
    let played = Played::new(|call| match member(call) {
        "StopUnit" | "ResetFailedUnit" => vec![refused(call, "org.freedesktop.systemd1.NoSuchUnit")],
        _ => good(call),
    });
    played.connect(true).stop(&scope().unit).unwrap();
    let calls = played.calls();
    let members: Vec<_> = calls.iter().map(member).collect();
    assert_eq!(members, ["Hello", "AddMatch", "GetNameOwner", "StopUnit", "ResetFailedUnit"]);
}

#[test]
fn a_refusal_to_stop_is_told() {
    let played = Played::new(|call| match member(call) {
        "StopUnit" => vec![refused(call, "org.freedesktop.DBus.Error.AccessDenied")],
        _ => good(call),
    });
    let error = played.connect(true).stop(&scope().unit).unwrap_err().to_string();
    assert!(error.contains("AccessDenied"), "{error}");
    played.calls();
}

#[test]
fn a_line_that_breaks_is_an_error() {
    let listener = {
        let path = std::env::temp_dir().join(format!("holm-broken-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        (path, listener)
    };
    let (path, socket) = listener;
    let broken = std::thread::spawn(move || {
        let mut stream = socket.accept().unwrap().0;
        // Who is gone before he has heard the first line is another failure.
        BufReader::new(&stream).read_line(&mut String::new()).unwrap();
        stream.write_all(b"REJECTED EXTERNAL\r\n").unwrap();
    });
    let error = Systemd::over(&Address::of_bus(&path).unwrap()).unwrap_err().to_string();
    assert!(error.contains("REJECTED EXTERNAL"), "{error}");
    broken.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

/// A hierarchy that systemd does not use is joined where it has put the process; what is played here is its move.
#[test]
fn hierarchies_that_systemd_does_not_use_are_joined_too() {
    let layout = crate::Layout::probe().unwrap();
    let Some(own) = layout.v1("name=systemd") else {
        return holm_testing::announce_omission("this machine has no hierarchy of v1 for systemd");
    };
    if !rustix::process::geteuid().is_root() {
        return holm_testing::announce_omission("this needs root");
    }
    let number = std::process::id();
    let unit = Unit::parse(&format!("holmtest{number}.slice:x:y"), "system.slice").unwrap();
    let scope = Scope { whose: Whose::System, unit };
    let path = crate::CgroupPath::parse(&scope.unit.path()).unwrap();
    let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = Pid::from_child(&child);
    let made = crate::Layout { hierarchies: vec![own.clone()] };
    let options = crate::CreateOptions { delegated_only: false, prune_parents: true };
    let moved = crate::Cgroup::create(&made, &path, options).unwrap();
    moved.attach(pid).unwrap();
    let group = crate::Cgroup::of_unit(&layout, &scope, pid).unwrap();
    let text = std::fs::read_to_string(format!("/proc/{number}/cgroup", number = pid.as_raw_pid())).unwrap();
    let v1: Vec<&str> = text.lines().filter(|line| !line.starts_with("0::")).collect();
    assert!(v1.iter().all(|line| line.ends_with(&scope.unit.path())), "{text}");
    assert_eq!(group.directories.len(), layout.hierarchies.len());
    assert_eq!(crate::Cgroup::from_record(&group.to_record()).unwrap().scope, Some(scope));
    child.kill().unwrap();
    child.wait().unwrap();
    // There is no systemd to stop the unit.
    let group = crate::Cgroup { scope: None, ..group };
    group.delete(std::time::Duration::from_secs(10)).unwrap();
    moved.delete(std::time::Duration::from_secs(10)).unwrap();
    assert!(!own.directory_of(&path).unwrap().exists());
}

#[test]
fn odd_properties_are_refused() {
    for (name, text) in
        [("A", "1"), ("Memory_Max", "1"), ("After", "x"), ("RestartSec", "'a'"), ("Ä123", "1")]
    {
        assert!(AskedProperty::parse(name, text).is_err(), "{name} {text}");
    }
}
