//! `SCMP_ACT_NOTIFY`: an agent in the test gets the listener, and answers.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use holm_tests::Ground;
use holm_tests::bundle::Bundle;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Value, json};

use crate::seccomp::{each, filtered};

/// What came over a connection: the process state, and the listener.
fn hear(listener: &UnixListener) -> (Value, OwnedFd) {
    let (stream, _) = listener.accept().unwrap();
    let mut text = vec![0; 64 << 10];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message =
        recvmsg(&stream, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let mut descriptors = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let descriptor = descriptors.next().expect("the listener comes with the state");
    assert!(descriptors.next().is_none());
    (serde_json::from_slice(&text[..message.bytes]).unwrap(), descriptor)
}

/// Answers each call that is notified: `mkdir` by an error of its own, all others by letting them go on. Ends with the
/// last process under the filter.
fn answer(listener: &OwnedFd, refused: i32) -> usize {
    let mut notified = 0;
    while let Some(call) = holm_sys::seccomp_notify_receive(listener).unwrap() {
        notified += 1;
        let error = (call.number == refused).then_some(rustix::io::Errno::XDEV);
        holm_sys::seccomp_notify_answer(listener, call.id, error).unwrap();
    }
    notified
}

struct Agent {
    path: PathBuf,
    listener: UnixListener,
}

impl Agent {
    fn new(ground: &Ground) -> Self {
        let path = ground.new_directory("agent").join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        Self { path, listener }
    }
}

fn notifying(path: &Path, names: &[&str]) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": path,
        "listenerMetadata": "some words",
        "syscalls": [{ "names": names, "action": "SCMP_ACT_NOTIFY" }],
    })
}

const MKDIR: i32 = if cfg!(target_arch = "x86_64") { 83 } else { 34 };

#[test]
fn an_agent_hears_of_calls_and_answers() {
    each(|ground| {
        for (no_new, init) in [(false, false), (true, false), (true, true), (false, true)] {
            let agent = Agent::new(ground);
            let names = ["mkdir", "mkdirat", "execve", "openat", "close"];
            let script = "mkdir /made; echo $?";
            let mut config = filtered(ground, script, no_new, notifying(&agent.path, &names));
            config["annotations"]["holm.init"] = init.to_string().into();
            let bundle = Bundle::of(ground, "notified", &config);
            let id = bundle.id.clone();
            let heard = std::thread::spawn(move || {
                let (state, descriptor) = hear(&agent.listener);
                assert_eq!(state["fds"], json!(["seccompFd"]));
                assert_eq!(state["metadata"], "some words");
                assert_eq!((&state["ociVersion"], &state["state"]["id"]), (&json!("1.2.0"), &json!(id)));
                assert!(state["pid"].as_i64().unwrap() > 1);
                assert_eq!(state["pid"], state["state"]["pid"]);
                assert!(descriptor.as_raw_fd() > 2);
                answer(&descriptor, MKDIR)
            });
            let finished = bundle.run();
            assert!(finished.err.contains("Invalid cross-device link"), "{}", finished.err);
            assert_eq!(finished.ok(), "1");
            assert!(heard.join().unwrap() > 1, "mkdir, and the command's own execve");
        }
    });
}

#[test]
fn an_agent_hears_of_a_further_process() {
    each(|ground| {
        let agent = Agent::new(ground);
        let config = filtered(ground, "sleep 1000", true, notifying(&agent.path, &["mkdir", "mkdirat"]));
        let bundle = Bundle::of(ground, "notified", &config);
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        let (own, _descriptor) = hear(&agent.listener);
        let pid = bundle.pid();
        assert_eq!(own["pid"], pid);
        let further = std::thread::spawn(move || {
            let (state, descriptor) = hear(&agent.listener);
            answer(&descriptor, MKDIR);
            state
        });
        let exec = bundle.oci(&["exec", &bundle.id, "/bin/sh", "-c", "mkdir /made; echo $?"]).finish();
        assert_eq!(exec.ok(), "1");
        let state = further.join().unwrap();
        assert_eq!((&state["state"]["pid"], &state["state"]["status"]), (&json!(pid), &json!("running")));
        assert_ne!(state["pid"], pid);
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
    });
}

#[test]
fn nobody_who_listens_and_calls_that_cannot_be_notified_are_errors() {
    each(|ground| {
        let run = |seccomp| Bundle::of(ground, "silent", &filtered(ground, "true", true, seccomp)).run();
        let nowhere = ground.new_directory("nobody").join("socket");
        run(notifying(&nowhere, &["mkdir"])).fails(125).mentions("seccomp agent").mentions("listenerPath");
        run(notifying(&nowhere, &["write"])).fails(125).mentions("linux.seccomp.syscalls[0].names[0]");
        // Without anything to hear it is not even connected to.
        let mut quiet = notifying(&nowhere, &["mkdir"]);
        quiet["syscalls"] = json!([]);
        run(quiet).ok();
    });
}
