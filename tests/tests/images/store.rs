//! Layers are unpacked once, whoever asks, and however many at once.

use std::path::{Path, PathBuf};

use holm_tests::{Entry, Ground, Layout, Tree, gzip};

use crate::{base, both, empty, layout, sh};

/// The layers that are in the store of a user.
fn unpacked(ground: &Ground) -> Vec<PathBuf> {
    let tree = Tree::of(&ground.store());
    let is_layer = |path: &&Path| path.parent().is_some_and(|above| above.ends_with("layers/sha256"));
    tree.paths().filter(is_layer).map(Path::to_owned).collect()
}

#[test]
fn a_second_run_leaves_the_store_as_it_is() {
    both(|ground| {
        let image = base(ground).layer([Entry::directory("d"), Entry::file("d/x", "x")]);
        let reference = layout(ground, "once", &image);
        sh(ground, &[], &reference, "true").finish().ok();
        let layers = ground.store();
        let before = Tree::of(&layers);
        assert_eq!(unpacked(ground).len(), 2);
        let script = "cat /d/x; rm -r /d /etc; touch /new";
        assert_eq!(sh(ground, &[], &reference, script).finish().ok(), "x");
        assert_eq!(Tree::of(&layers), before);
        // The same layers in another form are the same layers.
        image.docker_archive(&ground.path("once.tar"), "once");
        let mut packed = Layout::new(ground.path("packed"));
        packed.add(&image, "latest", gzip, "+gzip");
        for other in [format!("docker-archive:{}", ground.path("once.tar").display()), packed.reference()] {
            assert_eq!(sh(ground, &[], &other, "cat /d/x").finish().ok(), "x");
            assert_eq!(Tree::of(&layers), before, "{other}");
        }
    });
}

#[test]
fn images_share_their_layers() {
    both(|ground| {
        for word in ["one", "two"] {
            let image = layout(ground, word, &base(ground).layer([Entry::file("word", word)]));
            assert_eq!(sh(ground, &[], &image, "cat /word").finish().ok(), word);
        }
        assert_eq!(unpacked(ground).len(), 3);
    });
}

#[test]
fn two_runs_at_once_unpack_one_image() {
    both(|ground| {
        let image = layout(ground, "both", &base(ground).layer([Entry::file("x", "x".repeat(100_000))]));
        let both = [0, 1].map(|_| sh(ground, &[], &image, "wc -c < /x; cat; rm /x; ls /x 2>&1").start());
        for running in &both {
            assert_eq!(running.line(), "100000");
        }
        // Each writes to a root of its own.
        for running in both {
            assert!(running.finish().out.contains("No such file"));
        }
        assert_eq!(unpacked(ground).len(), 2);
    });
}

#[test]
fn a_plan_unpacks_and_nothing_else() {
    both(|ground| {
        let image = layout(ground, "planned", &base(ground));
        let plan = ground.run(["--dry-run", image.as_str(), "/bin/true"]).finish().ok();
        assert!(plan.contains("overlay"), "{plan}");
        assert_eq!(unpacked(ground).len(), 1);
    });
}

#[test]
fn layers_that_were_unpacked_before_a_bad_one_may_stay_and_are_used() {
    both(|ground| {
        let bad = layout(ground, "bad", &base(ground).layer([Entry::file("../x", "x")]));
        sh(ground, &[], &bad, "true").finish().fails(125);
        let good = layout(ground, "good", &base(ground));
        sh(ground, &[], &good, "true").finish().ok();
        assert_eq!(unpacked(ground).len(), 1);
    });
}

#[test]
fn an_image_without_files_has_no_command() {
    both(|ground| {
        let image = layout(ground, "empty", &empty(ground));
        ground.run([image.as_str(), "/bin/true"]).finish().fails(127).mentions("/bin/true");
    });
}
