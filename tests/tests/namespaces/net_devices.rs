//! Network devices that go from the caller's network namespace into the container's. Each test has a network namespace
//! of its own that it takes for the host's: nothing is done to the machine's.

use std::process::Command;

use holm_tests::bundle::{Bundle, config};
use holm_tests::{Ground, Told, busy_wait, needs, own_runtime};
use serde_json::{Value, json};

/// Root's ground, the thread being in a network namespace with one end of a pair that is up, with addresses, and another
/// one that is not.
fn ground() -> Option<Ground> {
    let ground = own_runtime("linux.netDevices").then(Ground::root).flatten()?;
    #[expect(deprecated, reason = "what could be unsafe is the unsharing of descriptors, which is not done")]
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNET).unwrap();
    let pair = Command::new("ip").args("link add warm type veth peer name warm-peer".split(' ')).output();
    needs(pair.is_ok_and(|output| output.status.success()), "this needs ip(8) and veth").then_some(())?;
    ip("link delete warm");
    make_devices();
    Some(ground)
}

fn make_devices() {
    ip("link add warm type veth peer name warm-peer");
    ip("link add cold type veth peer name cold-peer");
    ip("link set warm mtu 1400 address 02:00:00:00:00:01 up");
    ip("link set warm-peer up");
    for address in ["192.0.2.1/24 brd +", "192.0.2.2/24", "10.9.8.7/8 scope link", "2001:db8::1/64 nodad"] {
        ip(&format!("address add {address} dev warm"));
    }
    ip("-6 address add 2001:db8::2/64 dev warm nodad");
    ip("-6 address add 2001:db8::3/64 dev warm nodad valid_lft 1000 preferred_lft 1000");
    ip("address add 198.51.100.1/24 dev cold");
}

fn ip(words: &str) -> String {
    ran(Command::new("ip").args(words.split(' ')))
}

fn ran(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What ip(8) says in the network namespace of a process.
fn ip_of(pid: i32, words: &str) -> Value {
    let command = format!("exec nsenter -t {pid} -n ip -j {words}");
    serde_json::from_str(&ran(Command::new("sh").args(["-c", &command]))).unwrap()
}

/// What ip(8) says here.
fn ip_here(words: &str) -> Value {
    serde_json::from_str(&ip(&format!("-j {words}"))).unwrap()
}

/// The names of all devices.
fn names(links: &Value) -> Vec<String> {
    let mut names: Vec<_> =
        links.as_array().unwrap().iter().map(|link| link["ifname"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// What of a device has to stay as it is, and what it may lose.
fn kept(link: &Value) -> (Vec<String>, Value, Value, bool) {
    let lasting = |address: &&Value| address["scope"] == "global" && address["dynamic"] != true;
    let text = |address: &Value| {
        let (own, prefix) = (address["local"].as_str().unwrap(), &address["prefixlen"]);
        let broadcast = address["broadcast"].as_str().unwrap_or("-");
        format!("{own}/{prefix} {broadcast}")
    };
    let addresses = link["addr_info"].as_array().unwrap().iter().filter(lasting).map(text).collect();
    let up = link["flags"].as_array().unwrap().contains(&json!("UP"));
    (addresses, link["mtu"].clone(), link["address"].clone(), up)
}

fn with_devices(ground: &Ground, devices: Value) -> Value {
    let mut config = config(ground, "exec sleep 1000");
    config["linux"]["netDevices"] = devices;
    config
}

/// `create` fails with this configuration, and nothing has changed here.
fn fails_without_a_trace(bundle: &Bundle<'_>, operation: &str, status: i32) -> Told {
    // IPv6 needs a moment for the addresses that the kernel makes.
    let all = |links: Value| {
        let links = links.as_array().unwrap().clone();
        links.iter().map(|link| (link["ifname"].clone(), kept(link))).collect::<Vec<_>>()
    };
    let sorted = || {
        let mut all = all(ip_here("address"));
        all.sort_by_key(|(name, _)| name.to_string());
        all
    };
    let before = sorted();
    let failed = bundle.call(operation).fails(status);
    assert_eq!(sorted(), before);
    assert_ne!(bundle.call("state").status, 0);
    failed
}

#[test]
fn a_device_moves_as_it_is_and_is_up() {
    let Some(ground) = ground() else { return };
    let before = kept(&ip_here("address show dev warm")[0]);
    assert_eq!(before.0.len(), 4, "{before:?}");
    let devices = json!({ "warm": { "name": "net0" }, "cold": {} });
    let bundle = Bundle::of(&ground, "moves", &with_devices(&ground, devices));
    bundle.create(&[]).ok();
    assert_eq!(names(&ip_here("link")), ["cold-peer", "lo", "warm-peer"]);
    let pid = bundle.pid();
    assert_eq!(names(&ip_of(pid, "link")), ["cold", "lo", "net0"]);
    assert_eq!(kept(&ip_of(pid, "address show dev net0")[0]), before);
    let (addresses, _, _, up) = kept(&ip_of(pid, "address show dev cold")[0]);
    assert_eq!((addresses, up), (vec!["198.51.100.1/24 -".to_owned()], true));
    let all = ip_of(pid, "address show dev net0").to_string();
    assert!(!all.contains("10.9.8.7") && !all.contains("2001:db8::3"), "{all}");
    bundle.call("start").ok();
    assert_eq!(names(&ip_of(pid, "link")), ["cold", "lo", "net0"]);
    bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
}

#[test]
fn they_can_be_there_for_hooks_and_for_sysctls() {
    let Some(ground) = ground() else { return };
    let mut config = with_devices(&ground, json!({ "warm": { "name": "net0" } }));
    config["linux"]["sysctl"] = json!({ "net.ipv4.conf.net0.forwarding": "1" });
    let script = "exec nsenter -t $(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/') -n ip link show net0 >seen";
    let hook = json!({ "path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] });
    config["hooks"] = json!({ "createRuntime": [hook] });
    config["process"]["args"] = json!(["cat", "/proc/sys/net/ipv4/conf/net0/forwarding"]);
    let bundle = Bundle::of(&ground, "early", &config);
    assert_eq!(bundle.run().ok().trim(), "1");
    assert!(bundle.written("seen").contains("net0"), "{}", bundle.written("seen"));
}

#[test]
fn names_are_exchanged_and_numbered() {
    let Some(ground) = ground() else { return };
    for (word, devices, wanted) in [
        ("swap", json!({ "warm": { "name": "cold" }, "cold": { "name": "warm" } }), ["cold", "lo", "warm"]),
        ("number", json!({ "warm": { "name": "n%d" }, "cold": { "name": "n%d" } }), ["lo", "n0", "n1"]),
    ] {
        let bundle = Bundle::of(&ground, word, &with_devices(&ground, devices));
        bundle.create(&[]).ok();
        assert_eq!(names(&ip_of(bundle.pid(), "link")), wanted);
        bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
        // The kernel takes its time to take a network namespace down, and a pair with it.
        busy_wait(|| (names(&ip_here("link")) == ["lo"]).then_some(())).unwrap();
        make_devices();
    }
}

#[test]
fn in_a_user_namespace_too() {
    let Some(ground) = ground() else { return };
    let mut config = with_devices(&ground, json!({ "warm": {} }));
    config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "user" }));
    let map = json!([{ "containerID": 0, "hostID": 0, "size": 1000 }]);
    config["linux"]["uidMappings"] = map.clone();
    config["linux"]["gidMappings"] = map;
    let before = kept(&ip_here("address show dev warm")[0]);
    let bundle = Bundle::of(&ground, "mapped", &config);
    let created = bundle.create(&[]);
    assert_eq!(created.status, 0, "{}", bundle.written("err"));
    assert_eq!(kept(&ip_of(bundle.pid(), "address show dev warm")[0]), before);
    bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
}

#[test]
fn a_namespace_that_is_joined_keeps_it() {
    let Some(ground) = ground() else { return };
    let mut other = Command::new("unshare")
        .args(["-n", "sh", "-c", "echo; exec cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let pid = i32::try_from(other.id()).unwrap();
    let joining = |devices: Value| {
        let mut config = with_devices(&ground, devices);
        config["linux"]["namespaces"].as_array_mut().unwrap().retain(|one| one["type"] != "network");
        let joined = json!({ "type": "network", "path": format!("/proc/{pid}/ns/net") });
        config["linux"]["namespaces"].as_array_mut().unwrap().push(joined);
        config
    };
    let bundle = Bundle::of(&ground, "joins", &joining(json!({ "warm": { "name": "net0" } })));
    bundle.create(&[]).ok();
    assert_eq!(names(&ip_of(pid, "link")), ["lo", "net0"]);
    assert_eq!(names(&ip_of(bundle.pid(), "link")), ["lo", "net0"]);
    bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
    assert_eq!(names(&ip_of(pid, "link")), ["lo", "net0"]);
    // Now there is something whose name is taken, and that gets the next number.
    let taken = Bundle::of(&ground, "taken", &joining(json!({ "cold": { "name": "net0" } })));
    let failed = fails_without_a_trace(&taken, "run", 125);
    failed.mentions("the container has a network device \"net0\" already").mentions("linux.netDevices");
    let numbered = Bundle::of(&ground, "numbered", &joining(json!({ "cold": { "name": "net%d" } })));
    numbered.create(&[]).ok();
    assert_eq!(names(&ip_of(pid, "link")), ["lo", "net0", "net1"]);
    numbered.oci(&["delete", "-f", &numbered.id]).finish().ok();
    drop(other.stdin.take());
    other.wait().unwrap();
}

#[test]
fn what_cannot_be_moved_is_told_and_nothing_is_lost() {
    let Some(ground) = ground() else { return };
    for (word, devices, told) in [
        ("absent", json!({ "cold": { "name": "a" }, "none": {} }), "no network device \"none\""),
        (
            "lo",
            json!({ "cold": { "name": "a" }, "lo": { "name": "lo7" } }),
            "belongs to its network namespace",
        ),
        (
            "taken",
            json!({ "cold": { "name": "a" }, "warm": { "name": "lo" } }),
            "network device \"lo\" already",
        ),
        ("name", json!({ "warm": { "name": "a/b" } }), "linux.netDevices[\"warm\"].name"),
        ("twice", json!({ "warm": { "name": "a" }, "cold": { "name": "a" } }), "another \"a\""),
    ] {
        let bundle = Bundle::of(&ground, word, &with_devices(&ground, devices));
        fails_without_a_trace(&bundle, "run", 125).mentions(told);
    }
}

#[test]
fn a_device_comes_back_when_its_container_comes_to_nothing() {
    let Some(ground) = ground() else { return };
    let devices = || json!({ "warm": { "name": "cold" }, "cold": { "name": "warm" } });
    let hook = json!([{ "path": "/bin/sh", "args": ["sh", "-c", "exit 3"] }]);
    type Change = fn(&mut Value, &Value);
    let changes: [(&str, i32, Change); 4] = [
        ("hook", 125, |config, hook| config["hooks"] = json!({ "createRuntime": hook })),
        ("mount", 125, |config, _| {
            let mount = json!({ "destination": "/x", "type": "nothing", "source": "nothing" });
            config["mounts"].as_array_mut().unwrap().push(mount);
        }),
        ("command", 127, |config, _| config["process"]["args"] = json!(["/there/is/none"])),
        ("poststart", 125, |config, hook| config["hooks"] = json!({ "startContainer": hook })),
    ];
    for (word, status, change) in changes {
        let mut config = with_devices(&ground, devices());
        change(&mut config, &hook);
        fails_without_a_trace(&Bundle::of(&ground, word, &config), "run", status);
    }
}

#[test]
fn it_takes_a_network_namespace_of_the_container_s_own() {
    let Some(ground) = ground() else { return };
    let mut config = with_devices(&ground, json!({ "warm": {} }));
    config["linux"]["namespaces"].as_array_mut().unwrap().retain(|one| one["type"] != "network");
    let bundle = Bundle::of(&ground, "shared", &config);
    fails_without_a_trace(&bundle, "run", 125)
        .mentions("linux.netDevices is set")
        .mentions("network namespace");
    let own = json!({ "type": "network", "path": "/proc/self/ns/net" });
    config["linux"]["namespaces"].as_array_mut().unwrap().push(own);
    bundle.write(&config);
    fails_without_a_trace(&bundle, "run", 125).mentions("shares the host's network namespace");
}

#[test]
fn an_ordinary_user_may_not() {
    if !own_runtime("linux.netDevices") {
        return;
    }
    let ground = Ground::ordinary();
    let bundle = Bundle::of(&ground, "ordinary", &with_devices(&ground, json!({ "lo": { "name": "lo7" } })));
    bundle.run().fails(125).mentions("CAP_NET_ADMIN").mentions("linux.netDevices");
}

#[test]
fn who_has_a_network_namespace_of_its_own_may() {
    if !own_runtime("linux.netDevices") {
        return;
    }
    let ground = Ground::ordinary();
    let mut config = with_devices(&ground, json!({ "warm": { "name": "net0" } }));
    // The caller is root of a user namespace with its own id alone.
    for map in ["uidMappings", "gidMappings"] {
        config["linux"][map] = json!([{ "containerID": 0, "hostID": 0, "size": 1 }]);
    }
    config["process"]["args"] = json!(["cat", "/proc/net/dev"]);
    let bundle = Bundle::of(&ground, "own", &config);
    let script = "ip link add warm type veth peer name warm-peer && exec \"$0\" \"$@\"";
    let unshare =
        ["/usr/bin/unshare", "--user", "--net", "--mount", "--map-root-user", "/bin/sh", "-c", script];
    let ran = bundle.oci(&["run", &bundle.id]).through(&unshare).finish().ok();
    assert!(ran.contains("net0:"), "{ran}");
}

#[test]
fn a_plan_shows_it_and_moves_nothing() {
    let Some(ground) = ground() else { return };
    let devices = json!({ "warm": { "name": "net0" }, "cold": {} });
    let bundle = Bundle::of(&ground, "plan", &with_devices(&ground, devices));
    let plan = bundle.oci(&["create", "--dry-run", &bundle.id]).finish().ok();
    assert!(plan.contains("move the network device warm into the container, as net0\n"), "{plan}");
    assert!(plan.contains("parent   move the network device cold into the container\n"), "{plan}");
    assert_eq!(names(&ip_here("link")), ["cold", "cold-peer", "lo", "warm", "warm-peer"]);
}

#[test]
fn the_features_tell_of_it() {
    let Some(ground) = own_runtime("linux.netDevices").then(Ground::root).flatten() else { return };
    let features: Value = serde_json::from_str(&ground.holm(["oci", "features"]).finish().ok()).unwrap();
    assert_eq!(features["linux"]["netDevices"], json!({ "enabled": true }));
}
