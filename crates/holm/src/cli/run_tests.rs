use super::*;
use crate::cli::{Cli, Command};
use clap::Parser;
use holm_engine::options::RootSource;

fn read(words: &[&str]) -> RunOptions {
    match Cli::try_parse_from(["holm", "run"].iter().chain(words)).unwrap().command {
        Command::Run(run) => run.into_options().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn refused(words: &[&str]) -> String {
    Cli::try_parse_from(["holm", "run"].iter().chain(words)).unwrap_err().to_string()
}

#[test]
fn the_command_begins_with_the_first_word_that_is_no_option() {
    for words in [&["--", "sh", "-c", "id"][..], &["sh", "-c", "id"], &["--name", "a", "sh", "-c", "id"]] {
        let options = read(words);
        assert_eq!(options.target.command, ["sh", "-c", "id"], "{words:?}");
        assert_eq!(options.target.root, RootSource::Host);
    }
    assert!(read(&[]).target.command.is_empty());
}

#[test]
fn options_after_the_command_are_the_command_s() {
    let options = read(&["sh", "--name", "x", "--help", "-v", "--", "y"]);
    assert_eq!(options.target.command, ["sh", "--name", "x", "--help", "-v", "--", "y"]);
    assert!(options.name.is_none());
}

#[test]
fn an_image_has_its_transport_before_it() {
    let options = read(&["oci:./layout:tag", "cmd", "-x"]);
    assert_eq!(options.target.root, RootSource::Image("oci:./layout:tag".into()));
    assert_eq!(options.target.command, ["cmd", "-x"]);
    assert_eq!(read(&["oci:l", "--", "cmd"]).target.command, ["cmd"]);
}

#[test]
fn limits_are_read_as_docker_reads_them() {
    let words = ["-m", "64m", "--memory-swap", "-1", "--cpus", "1.5", "-c", "512", "--pids-limit", "-1"];
    let resources = read(&words).resources;
    assert_eq!(resources.memory.unwrap().bytes(), 64 << 20);
    assert_eq!(resources.memory_swap, Some(holm_engine::options::SwapLimit::Unlimited));
    assert_eq!((resources.cpus.unwrap().quota(), resources.cpu_shares), (150_000, Some(512)));
    assert_eq!(resources.pids_limit, Some(-1));
    let devices = read(&["--device", "/dev/fuse:rw", "--device-cgroup-rule", "c 10:* rwm"]).resources;
    assert_eq!((devices.devices.len(), devices.device_rules.len()), (1, 1));
    for words in [["--memory", "0"], ["--cpus", "0"], ["--device", "fuse"], ["--device-cgroup-rule", "c"]] {
        refused(&words);
    }
}

#[test]
fn short_options_go_together() {
    let streams = read(&["-it", "sh"]).streams;
    assert_eq!((streams.terminal, streams.interactive), (Some(true), Some(true)));
    let streams = read(&["--tty=false", "-i=0", "sh"]).streams;
    assert_eq!((streams.terminal, streams.interactive), (Some(false), Some(false)));
    assert_eq!(read(&["-t", "sh"]).target.command, ["sh"]);
}

#[test]
fn minus_v_is_a_volume_after_run_and_verbose_before() {
    assert_eq!(read(&["-v", "/a:/b", "sh"]).mounts.mounts.len(), 1);
    assert_eq!(Cli::try_parse_from(["holm", "-vv", "run", "sh"]).unwrap().verbose, 2);
}

#[test]
fn namespaces_by_the_names_of_docker_and_podman() {
    let options =
        read(&["--net", "host", "--pid=container:a", "--time", "boottime=-60", "--userns", "identity", "sh"]);
    assert_eq!(options.namespaces.network, NamespaceMode::Host);
    assert_eq!(options.namespaces.pid, NamespaceMode::Container("a".parse().unwrap()));
    assert!(options.namespaces.time.offsets.is_some());
    assert_eq!(options.namespaces.user, UserMode::Identity);
    assert_eq!(read(&["--network=none", "sh"]).namespaces.network, NamespaceMode::Private);
}

#[test]
fn an_init_is_there_unless_it_is_not_wanted() {
    assert!(read(&["sh"]).process.init);
    assert!(!read(&["--no-init", "sh"]).process.init);
    assert!(read(&["--no-init", "--init", "sh"]).process.init);
}

#[test]
fn a_dry_run_takes_its_format_with_an_equals_sign_alone() {
    assert_eq!(read(&["--dry-run", "sh"]).target.command, ["sh"]);
    assert!(refused(&["--dry-run=xml", "sh"]).contains("xml"));
}

#[test]
fn what_cannot_be_kept_is_not_promised() {
    assert_eq!(read(&["--rm", "sh"]).target.command, ["sh"]);
    assert!(refused(&["--rm=false", "sh"]).contains("always removed"));
}

#[test]
fn unknown_options_are_refused() {
    assert!(refused(&["--bogus", "sh"]).contains("--bogus"));
    assert!(refused(&["-v", "nowhere", "sh"]).contains("volume"));
}

#[test]
fn variables_one_by_one_win_over_those_of_a_file() {
    let file = std::env::temp_dir().join(format!("holm-env-{}", std::process::id()));
    std::fs::write(&file, "A=file\nB=file\n").unwrap();
    let options = read(&["-e", "A=said", "--env-file", file.to_str().unwrap(), "sh"]);
    std::fs::remove_file(&file).unwrap();
    let said: Vec<_> = options.process.environment.iter().map(|v| v.value.as_deref().unwrap()).collect();
    assert_eq!(said, ["file", "file", "said"]);
}
