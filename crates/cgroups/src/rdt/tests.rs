//! A directory is taken for resctrl, and two functions for the kernel.

use super::*;

const PLAYED: Directories = Directories {
    make: |path| {
        std::fs::create_dir(path)?;
        std::fs::write(path.join("tasks"), "")?;
        if path.parent().is_some_and(|parent| parent.ends_with("mon_groups")) {
            return Ok(());
        }
        std::fs::create_dir(path.join("mon_groups"))?;
        std::fs::write(path.join("schemata"), "L3:0=fffff;1=fffff\nMB:0=100;1=100\n")
    },
    remove: |path| {
        // As the real one, it takes files along, and no class of service that was not made.
        if path.join("info").exists() {
            return Err(std::io::Error::from_raw_os_error(Errno::PERM.raw_os_error()));
        }
        std::fs::remove_dir_all(path)
    },
};

struct Machine(PathBuf);

impl Machine {
    fn new(word: &str) -> Self {
        let root = std::env::temp_dir().join(format!("holm-rdt-{}-{word}", std::process::id()));
        (PLAYED.make)(&root).unwrap();
        std::fs::create_dir(root.join("info")).unwrap();
        Self(root)
    }

    fn group(&self, name: &str, origin: RdtOrigin) -> RdtGroup {
        let (agreed, given) = (Vec::new(), Vec::new());
        RdtGroup { root: self.0.clone(), name: name.into(), origin, agreed, given, monitor: None }
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).unwrap()
    }

    fn groups(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| !["info", "mon_groups", "schemata", "tasks"].contains(&name.as_str()));
        names
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_new_group_is_filled_entered_and_removed() {
    let machine = Machine::new("new");
    let agreed = lines(&["L3:0=f", "MB:0=20"]);
    let group = RdtGroup { agreed, monitor: Some("box".into()), ..machine.group("box", RdtOrigin::New) };
    let made = group.make_by(PLAYED).unwrap();
    assert_eq!(made, RdtRecord { group: machine.0.join("box"), ..group.expected() });
    assert_eq!(machine.text("box/schemata"), "L3:0=f\nMB:0=20\n");
    made.enter(Pid::INIT).unwrap();
    assert_eq!(machine.text("box/tasks"), "1");
    assert_eq!(machine.text("box/mon_groups/box/tasks"), "1");
    let error = group.make_by(PLAYED).unwrap_err();
    assert!(error.to_string().contains("exists, and is somebody else's"), "{error}");
    assert_eq!(machine.groups(), ["box"], "a group that is there stays");
    made.remove_by(PLAYED).unwrap();
    assert_eq!(machine.groups(), [""; 0]);
    made.remove_by(PLAYED).unwrap();
}

#[test]
fn of_a_class_that_is_there_only_the_count_is_the_container_s() {
    let machine = Machine::new("given");
    (PLAYED.make)(&machine.0.join("gold")).unwrap();
    let monitor = Some("box".to_owned());
    let group = RdtGroup { monitor, ..machine.group("gold", RdtOrigin::Given) };
    let made = group.make_by(PLAYED).unwrap();
    assert_eq!(made.removable, [machine.0.join("gold/mon_groups/box")]);
    assert_eq!(made, group.expected());
    assert_eq!(machine.text("gold/schemata"), "L3:0=fffff;1=fffff\nMB:0=100;1=100\n", "nothing is written");
    made.remove_by(PLAYED).unwrap();
    assert_eq!(machine.groups(), ["gold"]);
    let error = machine.group("silver", RdtOrigin::Given).make_by(PLAYED).unwrap_err();
    assert!(error.to_string().contains("silver of resctrl does not exist"), "{error}");
}

#[test]
fn a_class_that_is_there_has_to_be_as_it_is_asked_for() {
    let machine = Machine::new("either");
    let group = |line: &str| RdtGroup { agreed: lines(&[line]), ..machine.group("gold", RdtOrigin::Either) };
    let made = group("L3:0=f").make_by(PLAYED).unwrap();
    assert_eq!(made.removable.len(), 1);
    assert!(group("L3:0=f").expected().removable.is_empty(), "it is not known whose it will be");
    let second = group("L3:0=0f").make_by(PLAYED).unwrap();
    assert!(second.removable.is_empty());
    let error = group("L3:0=7").make_by(PLAYED).unwrap_err();
    assert!(error.to_string().contains("exists, and does not have L3:0=7"), "{error}");
    // The whole of the limits is written whoever has made it, as the specification has it.
    let given = RdtGroup { given: lines(&["L2:0=3", "MB:0=10"]), ..group("L3:0=f") };
    given.make_by(PLAYED).unwrap();
    assert_eq!(machine.text("gold/schemata"), "L2:0=3\nMB:0=10\n");
}

#[test]
fn the_group_that_all_are_born_in_is_nobody_s_to_remove() {
    let machine = Machine::new("root");
    let made = machine.group("", RdtOrigin::Given).make_by(PLAYED).unwrap();
    assert_eq!((made.group.clone(), made.removable.len()), (machine.0.clone(), 0));
    made.enter(Pid::INIT).unwrap();
    assert_eq!(machine.text("tasks"), "1");
}

#[test]
fn what_fails_leaves_nothing() {
    let machine = Machine::new("fails");
    std::fs::write(machine.0.join("info/last_cmd_status"), "Non-consecutive 1-bits in mask 5\n").unwrap();
    // A class of service that cannot be written, and a counter in what has none.
    let unwritable = Directories { make: |path| std::fs::create_dir(path), ..PLAYED };
    let group = RdtGroup { agreed: lines(&["L3:0=5"]), ..machine.group("box", RdtOrigin::New) };
    let error = group.make_by(unwritable).unwrap_err();
    assert!(error.to_string().contains("does not take L3:0=5: Non-consecutive 1-bits"), "{error}");
    let counted = RdtGroup { monitor: Some("box".into()), ..machine.group("box", RdtOrigin::New) };
    assert!(counted.make_by(unwritable).unwrap_err().to_string().contains("has no mon_groups"));
    assert_eq!(machine.groups(), [""; 0]);
}

#[test]
fn a_mount_is_found_unless_another_one_is_on_it() {
    let line = |id: u32, point: &str, kind: &str| {
        format!("{id} 1 0:{id} / {point} rw shared:1 - {kind} {kind} rw\n")
    };
    let found = |text: &str| crate::layout::find_resctrl(text.as_bytes());
    let text = line(30, "/sys/fs/cgroup", "cgroup2") + &line(31, "/sys/fs/res\\040ctrl", "resctrl");
    assert_eq!(found(&text), Some(PathBuf::from("/sys/fs/res ctrl")));
    assert_eq!(found(&line(30, "/sys/fs/cgroup", "cgroup2")), None);
    let hidden = text + "32 31 0:32 / /sys/fs/res\\040ctrl rw - tmpfs tmpfs rw\n";
    assert_eq!(found(&hidden), None);
}
