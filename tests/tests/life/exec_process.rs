//! `holm exec`: who a further command is, what it may, and what it finds.

use holm_tests::Ground;

use crate::sleeper;

fn exec(ground: &Ground, name: &str, words: &[&str]) -> String {
    ground
        .holm(["exec"])
        .words(&words[..words.len() - 1])
        .words([name, "/bin/sh", "-c", words[words.len() - 1]])
        .finish()
        .ok()
}

#[test]
fn the_user_is_the_container_s_or_another_by_name_or_id() {
    for of_kind in [Ground::root, Ground::with_ranges] {
        let Some(ground) = of_kind() else { continue };
        let name = ground.name("outer");
        let running = sleeper(&ground, &name, &["--user", "alice"]);
        let who = "echo $(id -u) $(id -g) $(id -G) $HOME";
        let of = |words: &[&str]| exec(&ground, &name, &[words, &[who]].concat());
        assert_eq!(of(&[]), "1000 1000 1000 10 /home/alice");
        assert_eq!(of(&["-u", "root"]), "0 0 0 /root");
        assert_eq!(of(&["-u", "0"]), "0 0 0 /root");
        assert_eq!(of(&["-u", "alice"]), "1000 1000 1000 10 /home/alice");
        assert_eq!(of(&["-u", "alice:wheel"]).split(' ').take(2).collect::<Vec<_>>(), ["1000", "10"]);
        assert_eq!(of(&["-u", "2000:3000"]), "2000 3000 3000 /");
        let told = ground.holm(["exec", "-u", "nobody-here", &name, "/bin/true"]).finish().fails(125);
        told.mentions("nobody-here");
        running.finish().ok();
    }
}

#[test]
fn the_capabilities_are_the_container_s_or_all() {
    Ground::each(|ground| {
        let name = ground.name("outer");
        let options = ["--cap-drop", "ALL", "--cap-add", "CHOWN", "--cap-add", "KILL"];
        let running = sleeper(ground, &name, &options);
        let sets = "grep -E 'Cap(Prm|Eff|Bnd|Inh|Amb)|NoNewPrivs' /proc/self/status";
        let own = "0000000000000021";
        let none = "0000000000000000";
        let text = |inheritable: &str, effective: &str, bounding: &str| {
            format!(
                "CapInh: {inheritable} CapPrm: {effective} CapEff: {effective} CapBnd: {bounding} CapAmb: {none} NoNewPrivs: 1"
            )
        };
        let of = |words: &[&str]| {
            let out = exec(ground, &name, &[words, &[sets]].concat());
            out.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(&[]), text(none, own, own));
        if ground.has_many_ids() {
            assert_eq!(of(&["-u", "1000"]), text(none, none, own), "who is not root has none");
        }
        let all = of(&["--privileged"]);
        assert!(all.ends_with("NoNewPrivs: 0") && !all.contains(&format!("CapEff: {own}")), "{all}");
        let [effective, bounding] =
            ["CapEff: ", "CapBnd: "].map(|set| all.split(set).nth(1).unwrap().split(' ').next().unwrap());
        assert_eq!(effective, bounding);
        assert!(u64::from_str_radix(effective, 16).unwrap() & (1 << 21) != 0, "CAP_SYS_ADMIN in {all}");
        running.finish().ok();
    });
}

#[test]
fn the_environment_is_the_container_s_with_what_was_said() {
    Ground::each(|ground| {
        let name = ground.name("outer");
        let running = sleeper(ground, &name, &["-e", "FIRST=one", "-e", "SECOND=two"]);
        let file = ground.new_file("variables", "FOURTH=four\nSECOND=of the file\n");
        let call = ground
            .holm(["exec", "-e", "SECOND=2", "-e", "THIRD=three words here", "-e", "COPIED", "--env-file"])
            .words([file.to_str().unwrap(), &name, "/bin/env"])
            .env("COPIED", "from the caller")
            .env("SECRET", "of the caller");
        let out = call.finish().ok();
        let lines: Vec<&str> = out.lines().collect();
        let expected =
            ["FIRST=one", "SECOND=2", "THIRD=three words here", "FOURTH=four", "COPIED=from the caller"];
        for line in expected {
            assert!(lines.contains(&line), "{line} in {out}");
        }
        assert!(!out.contains("SECRET") && !out.contains("SECOND=two"), "{out}");
        running.finish().ok();
    });
}

#[test]
fn the_directory_is_the_container_s_or_another() {
    Ground::each(|ground| {
        let name = ground.name("outer");
        let running = sleeper(ground, &name, &["--workdir", "/var/lib"]);
        assert_eq!(exec(ground, &name, &["pwd"]), "/var/lib");
        assert_eq!(exec(ground, &name, &["-w", "/tmp", "pwd"]), "/tmp");
        for (directory, status) in [("relative", 125), ("/no/such/directory", 126)] {
            let told = ground.holm(["exec", "-w", directory, &name, "/bin/true"]).finish().fails(status);
            told.mentions(directory);
        }
        running.finish().ok();
    });
}
