//! Docker Swarm: three dockerds in three networks, joined by a bridge. `cargo xtask swarm` runs it, and shows what it
//! does; it is not for CI.

use std::path::Path;

use crate::client::Client;
use crate::docker::Docker;
use crate::world::{IMAGE, World};
use crate::{asked_for, eventually, tree};

/// Each node on the bridge, which is in the first one's network.
const ADDRESSES: [&str; 3] = ["10.77.0.1", "10.77.0.2", "10.77.0.3"];

/// Heartbeats are counted in seconds: a node is given up after three.
const IN_A_SWARM: [&str; 1] = ["--live-restore=false"];

fn say(text: &str) {
    println!("--- {text}");
}

/// The nodes' worlds, with their network.
fn worlds() -> Vec<World> {
    let tree = tree();
    let worlds: Vec<World> = ADDRESSES.iter().map(|_| World::on(&tree, &|_: &Path| {})).collect();
    let bridge = &worlds[0];
    bridge.call(&["ip", "link", "add", "strait", "type", "bridge"]).finish().ok();
    bridge.call(&["ip", "address", "add", "10.77.0.1/24", "dev", "strait"]).finish().ok();
    bridge.call(&["ip", "link", "set", "strait", "up"]).finish().ok();
    for (number, world) in worlds.iter().enumerate() {
        world.call(&["hostname", &format!("node{number}")]).finish().ok();
        if number > 0 {
            join(bridge, world, number);
        }
    }
    worlds
}

/// A pair of links, made in the node, of which one end goes to the bridge.
fn join(bridge: &World, node: &World, number: usize) {
    let port = format!("port{number}");
    let outside = |words: &[&str]| node.outside(words).finish().ok();
    node.call(&["ip", "link", "add", "shore", "type", "veth", "peer", "name", &port]).finish().ok();
    outside(&[
        "nsenter",
        "--net",
        "--target",
        &node.init(),
        "ip",
        "link",
        "set",
        &port,
        "netns",
        &bridge.init(),
    ]);
    bridge.call(&["ip", "link", "set", &port, "master", "strait", "up"]).finish().ok();
    node.call(&["ip", "address", "add", &format!("{}/24", ADDRESSES[number]), "dev", "shore"]).finish().ok();
    node.call(&["ip", "link", "set", "shore", "up"]).finish().ok();
}

/// The nodes on which tasks of the service run.
fn running(leader: &Docker) -> Vec<String> {
    let filter = ["--filter=desired-state=running", "--format={{.Node}} {{.CurrentState}}"];
    let tasks = leader.run(&[&["service", "ps", "isles"], &filter[..]].concat()).ok();
    let nodes =
        tasks.lines().filter(|line| line.contains(" Running ")).filter_map(|line| line.split(' ').next());
    nodes.map(str::to_owned).collect()
}

#[test]
fn a_service_survives_the_loss_of_a_node() {
    if !asked_for("swarm", &[]) {
        return;
    }
    say("three nodes, each a dockerd with the runtime as its default, on one bridge");
    let mut nodes: Vec<Docker> =
        worlds().into_iter().map(|world| Docker::begin(world, &IN_A_SWARM)).collect();
    let leader = &nodes[0];
    let heartbeat = "--dispatcher-heartbeat=1s";
    leader.run(&["swarm", "init", "--advertise-addr", ADDRESSES[0], heartbeat]).ok();
    let token = leader.run(&["swarm", "join-token", "--quiet", "worker"]).ok();
    for (node, address) in nodes.iter().zip(ADDRESSES).skip(1) {
        node.run(&["swarm", "join", "--advertise-addr", address, "--token", &token, "10.77.0.1:2377"]).ok();
    }
    println!("{}", leader.run(&["node", "ls"]).ok());

    say("a service of six tasks, on a network of its own");
    leader.run(&["network", "create", "--driver=overlay", "--subnet=10.78.0.0/24", "waters"]).ok();
    let serve = "while :; do hostname | nc -l -p 8000; done";
    let service = ["service", "create", "--detach", "--name=isles", "--replicas=6", "--network=waters"];
    let rest = ["--endpoint-mode=dnsrr", "--no-resolve-image", IMAGE, "busybox", "sh", "-c", serve];
    leader.run(&[&service[..], &rest].concat()).ok();
    eventually("six tasks run on three nodes", || {
        let mut on = running(leader);
        let tasks = on.len();
        on.sort();
        on.dedup();
        tasks == 6 && on.len() == 3
    });
    println!("{}", leader.run(&["service", "ps", "isles"]).ok());

    say("a task asks one of another node");
    let id = leader.run(&["ps", "--quiet", "--filter=label=com.docker.swarm.service.name=isles"]).ok();
    let own = id.lines().next().expect("there is a task on the first node").to_owned();
    let far = nodes[1].run(&["ps", "--quiet", "--filter=label=com.docker.swarm.service.name=isles"]).ok();
    let far = far.lines().next().expect("there is a task on the second node").to_owned();
    let address = ["inspect", "--format={{(index .NetworkSettings.Networks \"waters\").IPAddress}}", &far];
    let address = nodes[1].run(&address).ok();
    let ask = format!("nc {address} 8000 </dev/null");
    eventually("it answers", || leader.run(&["exec", &own, "busybox", "sh", "-c", &ask]).out.trim() == far);
    println!("{far} on node1 has answered {own} on node0");

    say("node2 is lost, with all that runs on it");
    drop(nodes.pop());
    let leader = &nodes[0];
    eventually("six tasks run on two nodes", || {
        let on = running(leader);
        on.len() == 6 && !on.contains(&"node2".to_owned())
    });
    println!("{}\n{}", leader.run(&["node", "ls"]).ok(), leader.run(&["service", "ps", "isles"]).ok());
    let runtime = ["inspect", "--format={{.HostConfig.Runtime}}", &own];
    assert_eq!(leader.run(&runtime).ok(), "under-test");
    leader.run(&["service", "rm", "isles"]).ok();
}
