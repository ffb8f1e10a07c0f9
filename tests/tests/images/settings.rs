//! What the configuration of an image says.

use holm_tests::{Ground, Image};
use serde_json::{Value, json};

use crate::{base, everyone, layout, sh};

/// A layout of a small image with this configuration.
fn configured(ground: &Ground, name: &str, config: Value) -> String {
    layout(ground, name, &base(ground).config(config))
}

/// What `holm run` writes with these options before the image and words after it.
fn says(ground: &Ground, options: &[&str], image: &str, words: &[&str]) -> String {
    ground.run(options.iter().copied()).word(image).words(words).finish().ok()
}

#[test]
fn entry_point_and_arguments() {
    everyone(|ground| {
        // echo is what the shell has.
        let entry = ["/bin/sh", "-c", "echo \"$0\" \"$@\"", "entry"];
        let both = configured(ground, "both", json!({"Entrypoint": entry, "Cmd": ["of the image"]}));
        let command = configured(ground, "command", json!({"Cmd": ["/bin/basename", "/a/b"]}));
        assert_eq!(says(ground, &[], &both, &[]), "entry of the image");
        assert_eq!(says(ground, &[], &both, &["said", "now"]), "entry said now");
        assert_eq!(says(ground, &["--entrypoint", "/bin/printf"], &both, &["%s.", "a", "b"]), "a.b.");
        // Another entry point makes the arguments of the image meaningless.
        assert_eq!(says(ground, &["--entrypoint", "/bin/pwd"], &both, &[]), "/");
        assert_eq!(says(ground, &["--entrypoint", ""], &both, &["/bin/expr", "1", "+", "2"]), "3");
        assert_eq!(says(ground, &[], &command, &[]), "b");
        assert_eq!(says(ground, &[], &command, &["/bin/pwd"]), "/");
    });
}

#[test]
fn an_image_without_a_command_wants_one() {
    everyone(|ground| {
        let image = configured(ground, "none", json!({}));
        ground.run([image.as_str()]).finish().fails(125).mentions("command").helps();
        assert_eq!(says(ground, &[], &image, &["/bin/pwd"]), "/");
    });
}

#[test]
fn environment_and_directory() {
    everyone(|ground| {
        let config = json!({"Env": ["PATH=/bin", "A=of the image", "B=b=b"], "WorkingDir": "/home/alice",
            "Cmd": ["sh", "-c", "echo $A,$B,$PATH; pwd"]});
        let image = configured(ground, "env", config);
        assert_eq!(says(ground, &[], &image, &[]), "of the image,b=b,/bin\n/home/alice");
        let options = ["-e", "A=said", "-w", "/tmp", "-e", "B="];
        assert_eq!(says(ground, &options, &image, &[]), "said,,/bin\n/tmp");
        let made = configured(ground, "made", json!({"WorkingDir": "/not/there/yet", "Cmd": ["/bin/pwd"]}));
        assert_eq!(says(ground, &[], &made, &[]), "/not/there/yet");
    });
}

/// User of the image, and what the ids are.
const USERS: [(&str, &str); 6] = [
    ("", "0 0 /root"),
    ("alice", "1000 1000 /home/alice"),
    ("1000", "1000 1000 /home/alice"),
    ("alice:wheel", "1000 10 /home/alice"),
    ("1000:7", "1000 7 /home/alice"),
    ("1234:wheel", "1234 10 /"),
];

#[test]
fn users_by_name_and_number() {
    everyone(|ground| {
        for (number, (user, expected)) in USERS.into_iter().enumerate() {
            let image = configured(ground, &format!("user{number}"), json!({"User": user}));
            let run = sh(ground, &[], &image, "echo $(id -u) $(id -g) $HOME").finish();
            if ground.has_many_ids() || user.is_empty() {
                assert_eq!(run.ok(), expected, "{user:?}");
            } else {
                run.fails(125).mentions("map").helps();
            }
            // What is said wins.
            assert_eq!(sh(ground, &["-u", "0:0"], &image, "id -u").finish().ok(), "0");
        }
    });
}

#[test]
fn the_other_groups_of_a_user_are_those_of_the_image() {
    everyone(|ground| {
        if !ground.has_many_ids() {
            return;
        }
        let image = configured(ground, "groups", json!({"User": "alice"}));
        let out = sh(ground, &[], &image, "grep Groups /proc/self/status").finish().ok();
        let mut groups: Vec<&str> = out.split_whitespace().skip(1).collect();
        groups.sort_unstable();
        assert_eq!(groups, ["10"], "{out}");
    });
}

#[test]
fn users_and_groups_that_are_not_there() {
    everyone(|ground| {
        for (number, user) in ["nobody-here", "alice:no-group", "4294967295"].into_iter().enumerate() {
            let image = configured(ground, &format!("missing{number}"), json!({"User": user}));
            let word = user.split(':').next_back().unwrap();
            sh(ground, &[], &image, "true").finish().fails(125).mentions(word);
        }
    });
}

#[test]
fn users_are_those_of_the_topmost_layer() {
    everyone(|ground| {
        let passwd = "root:x:0:0::/elsewhere:/bin/sh\n";
        let upper = |image: Image| image.layer([holm_tests::Entry::file("etc/passwd", passwd)]);
        let image = layout(ground, "upper", &upper(base(ground)));
        assert_eq!(sh(ground, &[], &image, "echo $HOME").finish().ok(), "/elsewhere");
        sh(ground, &["-u", "alice"], &image, "true").finish().fails(125).mentions("alice");
    });
}

#[test]
fn the_signal_that_asks_it_to_stop() {
    everyone(|ground| {
        let script = "trap 'echo stopped; exit 7' USR1; echo ready; sleep 1000 & wait";
        let config = json!({"StopSignal": "SIGUSR1", "Cmd": ["/bin/sh", "-c", script]});
        let image = configured(ground, "signal", config);
        let name = ground.name("stopped");
        let running = ground.run(["--name", &name, &image]).start();
        assert_eq!(running.line(), "ready");
        let stop = ground.holm(["stop", "--time", "600", &name]).start();
        assert_eq!(running.line(), "stopped");
        running.finish().ends(7);
        stop.finish().ok();
    });
}

#[test]
fn volumes_can_be_written_where_nothing_else_can() {
    everyone(|ground| {
        let volumes = json!({"/data": {}, "/var/lib/deep/": {}, "/../../etc": {}, "/": {}});
        let image = configured(ground, "volumes", json!({"Volumes": volumes}));
        let script = "touch /data/x /var/lib/deep/x && ls /data; touch /etc/x || touch /x || echo none";
        assert_eq!(sh(ground, &["--read-only"], &image, script).finish().ok(), "x\nnone");
        let script = "touch /data/x /etc/y && echo written";
        let script = format!("mkdir -p /data; {script}");
        assert_eq!(sh(ground, &[], &image, &script).finish().ok(), "written");
        assert_eq!(sh(ground, &[], &image, "ls /etc/y /data/x 2>/dev/null; true").finish().ok(), "");
    });
}
