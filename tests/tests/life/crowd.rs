//! Many at once.

use std::collections::BTreeSet;

use holm_tests::{Ground, Running};

const CROWD: usize = 20;

#[test]
fn twenty_run_side_by_side_and_leave_nothing() {
    Ground::each(|ground| {
        let names: Vec<String> = (0..CROWD).map(|at| ground.name(&format!("c{at:02}"))).collect();
        let start = |(at, name): (usize, &String)| {
            ground.sh(&["--name", name], &format!("echo ready; cat; exit {}", at + 1)).start()
        };
        let crowd: Vec<Running> = names.iter().enumerate().map(start).collect();
        crowd.iter().for_each(|running| assert_eq!(running.line(), "ready"));
        let containers = ground.ps();
        let listed: Vec<&str> = containers.iter().map(|listed| listed["name"].as_str().unwrap()).collect();
        assert_eq!(listed, names);
        let pids: BTreeSet<i64> = containers.iter().map(|listed| listed["pid"].as_i64().unwrap()).collect();
        assert_eq!(pids.len(), CROWD);
        for (at, running) in crowd.into_iter().enumerate() {
            running.finish().ends(i32::try_from(at).unwrap() + 1);
        }
        ground.assert_clean();
    });
}

#[test]
fn one_name_is_given_once_however_many_want_it() {
    Ground::each(|ground| {
        let name = ground.name("wanted");
        let script = "echo have it; cat";
        let mut crowd: Vec<Running> = (0..8).map(|_| ground.sh(&["--name", &name], script).start()).collect();
        let ended = |running: &mut Running| running.has_ended().then_some(());
        let all_but_one = || (crowd.iter_mut().filter_map(ended).count() == 7).then_some(());
        holm_tests::busy_wait(all_but_one).expect("seven are refused");
        let mut had = 0;
        for running in crowd {
            let finished = running.finish();
            if finished.status == 0 {
                assert_eq!(finished.out, "have it\n");
                had += 1;
            } else {
                finished.fails(125).mentions(&name);
            }
        }
        assert_eq!(had, 1);
    });
}
