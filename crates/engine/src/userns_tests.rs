use super::*;

fn user() -> IdFacts {
    let range = vec![Range { start: 100_000, count: 65536 }];
    IdFacts {
        uid: 1000,
        gid: 1001,
        name: "alice".into(),
        subuids: range.clone(),
        subgids: range,
        programs: true,
        unclaimed: 165_536,
    }
}

fn root() -> IdFacts {
    IdFacts { name: "root".into(), ..IdFacts::default() }
}

fn mode(user: &str) -> NamespaceOptions {
    NamespaceOptions { user: user.parse().unwrap(), ..NamespaceOptions::default() }
}

fn decide_for(options: &NamespaceOptions, facts: &IdFacts) -> Result<Decision> {
    decide(options, None, &"web".parse().unwrap(), facts)
}

fn maps(decision: Result<Decision>) -> IdMaps {
    match decision.unwrap().namespace {
        UserNamespace::New(maps) => maps,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_ordinary_user_is_the_superuser_of_its_container() {
    let maps = maps(decide_for(&NamespaceOptions::default(), &user()));
    assert_eq!(maps.uid.to_string(), "0 1000 1\n1 100000 65535\n");
    assert_eq!(maps.gid.to_string(), "0 1001 1\n1 100000 65535\n");
    assert!(!maps.is_single());
}

#[test]
fn without_ranges_or_programs_the_own_id_is_all_and_the_user_hears_why() {
    let without_programs = IdFacts { programs: false, ..user() };
    let without_ranges = IdFacts { subuids: Vec::new(), ..user() };
    for (facts, word) in [(without_programs, "uidmap"), (without_ranges, "usermod --add-subuids")] {
        let decision = decide_for(&NamespaceOptions::default(), &facts).unwrap();
        assert!(decision.note.as_ref().unwrap().contains(word));
        assert!(maps(Ok(decision)).is_single());
    }
}

#[test]
fn identity_has_the_own_id_and_no_superuser() {
    let maps = maps(decide_for(&mode("identity"), &user()));
    assert_eq!(
        (maps.uid.to_string(), maps.gid.to_string()),
        ("1000 1000 1\n".into(), "1001 1001 1\n".into())
    );
    assert_eq!(maps.uid.to_host(0), None);
}

#[test]
fn identity_of_root_is_somebody_else_s() {
    assert!(decide_for(&mode("identity"), &root()).unwrap_err().hint().unwrap().contains("--user"));
    let somebody: UserSpec = "1000:1001".parse().unwrap();
    let decision = decide(&mode("identity"), Some(&somebody), &"web".parse().unwrap(), &root());
    assert_eq!(maps(decision).uid.to_string(), "1000 1000 1\n");
    let superuser: UserSpec = "0:0".parse().unwrap();
    assert!(decide(&mode("identity"), Some(&superuser), &"web".parse().unwrap(), &root()).is_err());
}

#[test]
fn root_has_no_user_namespace_unless_it_asks_for_one() {
    assert_eq!(decide_for(&NamespaceOptions::default(), &root()).unwrap().namespace, UserNamespace::Host);
    let maps = maps(decide_for(&mode("auto"), &root()));
    let Mapping { container, host, size } = maps.uid.mappings()[0];
    assert_eq!((container, size), (0, 65536));
    assert!((0x7000_0000..0x8000_0000).contains(&host) && host % 65536 == 0, "{host}");
}

#[test]
fn root_s_containers_have_ids_of_their_own_out_of_the_ranges_that_are_there() {
    let ranges = vec![Range { start: 1_000_000, count: 10 * 65536 }];
    let facts = IdFacts { subuids: ranges.clone(), subgids: ranges, ..root() };
    let host = |name: &str| {
        let decision = decide(&mode("auto"), None, &name.parse().unwrap(), &facts);
        maps(decision).uid.mappings()[0].host
    };
    assert_eq!(host("web"), host("web"));
    assert_ne!(host("a"), host("b"));
    assert!((1_000_000..1_000_000 + 10 * 65536).contains(&host("web")));
}

#[test]
fn the_host_s_user_namespace_is_root_s_alone() {
    assert!(decide_for(&mode("host"), &user()).is_err());
    assert_eq!(decide_for(&mode("host"), &root()).unwrap().namespace, UserNamespace::Host);
}

#[test]
fn who_joins_a_container_joins_its_user_namespace() {
    let network: NamespaceMode = "container:web".parse().unwrap();
    let options = NamespaceOptions { network: network.clone(), ..NamespaceOptions::default() };
    assert_eq!(decide_for(&options, &user()).unwrap().namespace, UserNamespace::Join(network));
    assert_eq!(decide_for(&options, &root()).unwrap().namespace, UserNamespace::Host);
}

fn with_map(text: &[&str]) -> NamespaceOptions {
    let lines = text.iter().map(|line| line.parse::<crate::options::MapLine>().unwrap().0);
    NamespaceOptions { uid_map: lines.collect(), ..NamespaceOptions::default() }
}

#[test]
fn a_map_that_is_said_is_checked_against_what_the_user_has() {
    let fine = with_map(&["0:1000:1", "1:100000:10"]);
    let facts = IdFacts { gid: 1000, ..user() };
    assert_eq!(maps(decide_for(&fine, &facts)).uid.to_string(), "0 1000 1\n1 100000 10\n");
    let error = decide_for(&with_map(&["0:200000:10"]), &facts).unwrap_err();
    assert!(error.hint().unwrap().contains("0:100000:65536"), "{error}");
    assert!(error.cause().unwrap().contains("100000 to 165535"), "{error}");
    assert!(decide_for(&with_map(&["0:200000:10"]), &root()).is_ok());
}

#[test]
fn a_map_that_contradicts_itself_or_the_mode_is_refused() {
    assert!(decide_for(&with_map(&["0:1000:2", "1:1000:1"]), &root()).is_err());
    let identity = NamespaceOptions { user: UserMode::Identity, ..with_map(&["0:1000:1"]) };
    assert!(decide_for(&identity, &user()).is_err());
}

proptest::proptest! {
    #[test]
    fn no_ranges_panic(ranges in proptest::collection::vec((proptest::prelude::any::<u32>(), proptest::prelude::any::<u32>()), 0..5), uid: u32) {
        let ranges: Vec<Range> = ranges.into_iter().map(|(start, count)| Range { start, count }).collect();
        let facts = IdFacts { uid, gid: uid, name: "x".into(), subuids: ranges.clone(), subgids: ranges, programs: true, unclaimed: uid };
        let _ = (decide_for(&NamespaceOptions::default(), &facts), decide_for(&mode("auto"), &facts));
    }
}

#[test]
fn nobody_is_told_to_give_away_ids_of_the_machine() {
    let asked = |map: &str, facts: &IdFacts| {
        let uid_map = vec![map.parse::<crate::options::MapLine>().unwrap().0];
        let options = NamespaceOptions { uid_map, ..mode("auto") };
        decide_for(&options, facts).unwrap_err()
    };
    for map in ["0:0:1", "0:65533:1000", "0:500000:1"] {
        let hint = asked(map, &user()).hint().unwrap().to_owned();
        assert!(hint.ends_with("--uidmap 0:100000:65536"), "{hint}");
        let nothing = IdFacts { subuids: Vec::new(), unclaimed: 0, ..user() };
        let hint = asked(map, &nothing).hint().unwrap().to_owned();
        assert!(hint.contains("--add-subuids 100000-165535"), "{hint}");
    }
}

#[test]
fn what_is_suggested_is_behind_all_that_anybody_has() {
    assert_eq!(first_unclaimed(&[]), 100_000);
    assert_eq!(first_unclaimed(&["a:1000:10\nrubbish\nb:x:y\n"]), 100_000);
    assert_eq!(first_unclaimed(&["a:100000:65536\n", "b:300000:65536\na:100000:65536\n"]), 365_536);
    assert_eq!(first_unclaimed(&["a:4294967295:4294967295\n"]), u32::MAX);
}
