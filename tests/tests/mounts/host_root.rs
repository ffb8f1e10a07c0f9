//! This machine's own root, copied on write.

use std::path::Path;

use holm_tests::{Ground, Tree};

/// What could be changed by a container: these files and all that is in these directories.
fn host() -> (Vec<Option<Vec<u8>>>, Vec<Tree>) {
    let files = ["/etc/passwd", "/etc/hostname", "/usr/bin/env"].map(|path| std::fs::read(path).ok());
    let trees = ["/etc", "/usr/bin", "/opt", "/srv"].map(|path| Tree::of(Path::new(path)));
    (files.into(), trees.into())
}

#[test]
fn nothing_that_is_written_renamed_or_deleted_reaches_it() {
    let Some(ground) = Ground::root() else { return };
    let before = host();
    let name = ground.name("written");
    let script = format!(
        "echo x > /usr/bin/{name} && echo written; mkdir -p /opt/{name}/a/b && echo made; \
         mv /usr/bin/{name} /srv/{name} && echo moved; rm /srv/{name} && echo gone; \
         rm -f /usr/bin/env; test -e /usr/bin/env || echo deleted; echo mine > /etc/passwd && cat /etc/passwd; \
         mv /usr/bin/id /usr/bin/{name}-id && /usr/bin/{name}-id -u; rm -rf /usr/share/doc; \
         touch /{name} && ls /{name}"
    );
    let run = ground.on_host(&[], &script).finish();
    let expected = format!("written\nmade\nmoved\ngone\ndeleted\nmine\n0\n/{name}\n");
    assert_eq!(run.out, expected, "{}", run.err);
    assert!(host() == before, "the host's files are as they were");
    assert!(!Path::new(&format!("/{name}")).exists());
    assert!(Path::new("/usr/share/doc").exists());
}

#[test]
fn nor_does_what_an_ordinary_user_changes() {
    // Files of ids that do not exist in the container are as closed as they are outside: they belong to nobody there.
    let ground = Ground::ordinary();
    let before = host();
    let name = ground.name("written");
    let script = format!(
        "mkdir -p /usr/{name}/a && echo x > /usr/{name}/a/b && mv /usr/{name}/a/b /usr/{name}/c && echo moved; \
         rm -r /usr/{name} && echo gone; echo x > /{name} && echo top; \
         echo mine > /etc/passwd; rm -f /usr/bin/env; test -x /usr/bin/env && echo there"
    );
    let run = ground.on_host(&[], &script).finish();
    assert_eq!(run.out, "moved\ngone\ntop\nthere\n", "{}", run.err);
    assert!(host() == before, "the host's files are as they were");
    assert!(!Path::new(&format!("/{name}")).exists());
}

#[test]
fn it_begins_anew_each_time() {
    Ground::each(|ground| {
        let place = format!("/usr/{}", ground.name("first"));
        let script = format!("test -e {place} || echo new; touch {place} && test -e {place} && echo made");
        assert_eq!(ground.on_host(&[], &script).finish().ok(), "new\nmade");
        assert_eq!(ground.on_host(&[], &script).finish().ok(), "new\nmade");
    });
}

#[test]
fn two_at_once_do_not_see_each_other_s_files() {
    Ground::each(|ground| {
        let place = format!("/usr/{}", ground.name("both"));
        let script = format!("test -e {place} && echo there; touch {place}; echo ready; cat");
        let first = ground.on_host(&[], &script).start();
        assert_eq!(first.line(), "ready");
        let second = ground.on_host(&[], &script).start();
        assert_eq!(second.line(), "ready");
        first.finish().ok();
        second.finish().ok();
    });
}

#[test]
fn mounts_below_it_come_along_read_only() {
    let Some(mut ground) = Ground::root() else { return };
    let place = Path::new("/srv");
    let none = rustix::mount::MountFlags::empty();
    rustix::mount::mount("tmpfs", place, "tmpfs", none, None).unwrap();
    std::fs::write(place.join("file"), "from the mount\n").unwrap();
    ground.accept_mounts();
    let run = ground.on_host(&[], "cat /srv/file; echo x > /srv/new; rm /srv/file").finish();
    assert_eq!(run.out, "from the mount\n");
    assert_eq!(run.err.matches("Read-only").count(), 2, "{}", run.err);
    // As an ordinary user too, whose overlays cannot have mounts below them.
    let ordinary = Ground::ordinary();
    std::fs::set_permissions(place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run =
        ordinary.on_host(&[], "cat /srv/file; echo x > /srv/new; echo x > /usr/new && echo new").finish();
    assert_eq!(run.out, "from the mount\nnew\n");
    assert!(run.err.contains("Read-only"), "{}", run.err);
    drop(ordinary);
    rustix::mount::unmount(place, rustix::mount::UnmountFlags::DETACH).unwrap();
    ground.accept_mounts();
}

#[test]
fn what_speaks_for_the_running_system_is_its_own() {
    Ground::each(|ground| {
        let out = ground.on_host(&[], "ls -A /run /tmp | tr -d '\\n'; stat -c %a /tmp").finish().ok();
        assert_eq!(out.trim_start_matches("/run:").trim_start_matches("/tmp:"), "1777", "{out}");
        let out =
            ground.on_host(&["--name", &ground.name("called")], "cat /etc/hostname; hostname").finish().ok();
        assert_eq!(out.lines().collect::<Vec<_>>(), [ground.name("called"), ground.name("called")]);
    });
}

#[test]
fn a_command_needs_no_options() {
    // The first sentence of the documentation: holm run -- sh.
    Ground::each(|ground| {
        let run = ground.holm(["run", "--", "sh", "-c", "id -u; hostname"]).finish();
        let out = run.ok();
        assert!(out.starts_with("0\n") && out.lines().count() == 2, "{out}");
    });
}
