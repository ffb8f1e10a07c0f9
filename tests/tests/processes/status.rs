//! The exit status of `holm run`.

use holm_tests::{Ground, own_runtime};

#[test]
fn is_that_of_the_command() {
    Ground::each(|ground| {
        for status in [0, 1, 7, 124, 125, 200, 255] {
            ground.sh(&[], &format!("exit {status}")).finish().ends(status);
        }
        ground.sh(&["--no-init"], "exit 9").finish().ends(9);
    });
}

#[test]
fn is_128_and_the_signal_that_ended_it() {
    Ground::each(|ground| {
        for signal in [1, 2, 6, 9, 11, 15, 34, 64] {
            ground.sh(&[], &format!("kill -{signal} $$")).finish().ends(128 + signal);
        }
    });
}

#[test]
fn is_127_for_a_command_that_is_not_there() {
    Ground::each(|ground| {
        let rootfs = ground.rootfs().to_str().unwrap();
        for command in ["/no/such/program", "no-such-program"] {
            for init in ["--init", "--no-init"] {
                let run = ground.run(["--rootfs", rootfs, init, "--", command]).finish();
                run.fails(127).mentions("no");
            }
        }
    });
}

#[test]
fn is_126_for_what_cannot_be_executed() {
    Ground::each(|ground| {
        let rootfs = ground.rootfs().to_str().unwrap();
        std::fs::write(ground.rootfs().join("bin/rubbish"), "\u{7f}ELF").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(ground.rootfs().join("bin/rubbish"), mode).unwrap();
        for command in ["/etc", "/etc/passwd", "/bin/rubbish"] {
            let run = ground.run(["--rootfs", rootfs, "--", command]).finish();
            assert!(!run.fails(126).cause.is_empty(), "{command}: {}", run.err);
        }
    });
}

#[test]
fn is_126_for_more_arguments_than_the_kernel_takes() {
    if !own_runtime("the status of a command line that is too long") {
        return;
    }
    Ground::each(|ground| {
        let long = "x".repeat(200 << 10);
        let file = ground.new_file("long", format!("A={long}\n"));
        let run = ground.sh(&["--env-file", file.to_str().unwrap()], "true").finish();
        run.fails(126).mentions("arguments and environment");
    });
}

#[test]
fn is_127_for_a_script_without_its_interpreter() {
    let ground = Ground::ordinary();
    let script = ground.rootfs().join("bin/script");
    std::fs::write(&script, "#!/no/such/shell\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let rootfs = ground.rootfs().to_str().unwrap();
    ground.run(["--rootfs", rootfs, "--", "/bin/script"]).finish().fails(127);
}

#[test]
fn is_125_when_holm_fails() {
    let ground = Ground::ordinary();
    ground
        .run(["--rootfs", "/no/such/directory", "--", "true"])
        .finish()
        .fails(125)
        .mentions("/no/such/directory");
    ground.holm(["run", "--no-such-option"]).finish().ends(125);
}

#[test]
fn an_early_end_of_the_output_is_the_command_s_affair() {
    // `yes` ends by SIGPIPE, as it would without Holm.
    let ground = Ground::ordinary();
    let mut running = ground.sh(&[], "yes | head -n 2; exit 3").start();
    assert_eq!([running.line(), running.line()], ["y", "y"]);
    running.wait().ends(3);
}
