//! Environment, working directory, user.

use holm_tests::{Ability, Ground, able, own_runtime};

fn environment(ground: &Ground, options: &[&str]) -> Vec<String> {
    let out = ground.sh(options, "env").finish().ok();
    out.lines().map(str::to_owned).collect()
}

#[test]
fn variables_are_said_copied_and_read_from_files() {
    Ground::each(|ground| {
        let file = ground.new_file("variables", "# comment\n\nFILE=from file\nBOTH=file\nCOPIED\n");
        let options = [
            "--env-file",
            file.to_str().unwrap(),
            "-e",
            "SAID=a=b c",
            "-e",
            "EMPTY=",
            "-e",
            "BOTH=said",
            "-e",
            "HIDDEN",
        ];
        let call = ground.sh(&options, "env");
        let out = call.env("COPIED", "copied").env("SECRET", "secret").finish().ok();
        for expected in ["FILE=from file", "SAID=a=b c", "EMPTY=", "BOTH=said", "COPIED=copied"] {
            assert!(out.lines().any(|line| line == expected), "{expected} in {out}");
        }
        for absent in ["SECRET", "HIDDEN", "BOTH=file"] {
            assert!(!out.contains(absent), "{absent} in {out}");
        }
    });
}

#[test]
fn nothing_of_the_caller_s_comes_by_itself() {
    let ground = Ground::ordinary();
    let name = ground.name("env");
    let mut seen = environment(&ground, &["--name", &name]);
    seen.retain(|variable| !variable.starts_with("SHLVL=") && !variable.starts_with("PWD="));
    seen.sort();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned();
    assert_eq!(seen, ["HOME=/root".to_owned(), format!("HOSTNAME={name}"), path]);
}

#[test]
fn an_environment_file_that_is_bad_is_told() {
    let ground = Ground::ordinary();
    let file = ground.new_file("variables", "GOOD=1\nNOT GOOD=2\n");
    let told = ground.sh(&["--env-file", file.to_str().unwrap()], "true").finish().fails(125);
    told.mentions("line 2");
    ground.sh(&["--env-file", "/no/such/file"], "true").finish().fails(125).mentions("/no/such/file");
}

#[test]
fn the_working_directory_is_said_and_made() {
    Ground::each(|ground| {
        assert_eq!(ground.sh(&[], "pwd").finish().ok(), "/");
        assert_eq!(ground.sh(&["--workdir", "/usr/bin"], "pwd").finish().ok(), "/usr/bin");
        assert_eq!(ground.sh(&["-w", "/tmp/new/one"], "pwd").finish().ok(), "/tmp/new/one");
        ground.sh(&["-w", "/etc/passwd"], "pwd").finish().fails(125).mentions("/etc/passwd");
    });
}

#[test]
fn the_user_is_said_by_name_and_by_number() {
    let Some(ground) = Ground::root() else { return };
    let who = |user: &str| ground.sh(&["--user", user], "id; echo $HOME").finish().ok();
    let alice = who("alice");
    assert!(
        alice.starts_with("uid=1000(alice) gid=1000(alice) ") && alice.ends_with("\n/home/alice"),
        "{alice}"
    );
    assert!(alice.contains("10(wheel)"), "{alice}");
    assert!(who("1000:10").starts_with("uid=1000(alice) gid=10(wheel)"));
    assert_eq!(who("alice:root").lines().next().unwrap().split(' ').nth(1), Some("gid=0(root)"));
    assert_eq!(who("4321:5432"), "uid=4321 gid=5432\n/");
    ground.sh(&["--user", "bob"], "id").finish().fails(125).mentions("bob");
}

#[test]
fn an_ordinary_user_s_container_has_other_users_where_there_are_ids() {
    let Some(ground) = Ground::with_ranges() else { return };
    // By their numbers a user and a group have no other groups.
    let user = if able(Ability::RootlessGroups) { "alice" } else { "1000:1000" };
    let out = ground.sh(&["--user", user], "id; grep Cap /proc/self/status").finish().ok();
    assert!(out.starts_with("uid=1000(alice) gid=1000(alice)"), "{out}");
    assert_eq!(out.contains("10(wheel)"), user == "alice", "{out}");
    assert!(out.contains("CapEff:\t0000000000000000"), "{out}");
}

#[test]
fn and_none_where_there_are_no_ids() {
    let Some(ground) = Ground::without_ranges() else { return };
    ground.sh(&["--user", "alice"], "id").finish().fails(125).mentions("1000").helps();
}

#[test]
fn the_root_of_this_machine_takes_over_where_programs_are() {
    let ground = Ground::ordinary();
    if !ground.can_run_on_host() {
        return;
    }
    let run = ground
        .on_host(&[], "echo $PATH $LANG $HOME; id -u")
        .env("PATH", "/usr/bin:/bin:/odd")
        .env("LANG", "C");
    let home = ground.path("home");
    assert_eq!(run.finish().ok(), format!("/usr/bin:/bin:/odd C {}\n0", home.display()));
}

#[test]
fn the_mask_of_modes_is_not_the_caller_s() {
    if !own_runtime("the modes of what is made in the root") {
        return;
    }
    Ground::each(|ground| {
        let call = ground.sh(&["--workdir", "/made/for/it"], "umask; stat -c %a /made .");
        let run = call.through(&["/bin/sh", "-c", "umask 077; exec \"$0\" \"$@\""]).finish();
        let out = run.ok();
        assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["0022", "755", "755"]);
    });
}
