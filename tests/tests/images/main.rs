//! Images through `holm run`: what they say counts, what they hold arrives, and what they must not do does not happen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod foreign;
mod forms;
mod hostile;
mod layers;
mod settings;
mod store;

use holm_tests::{Call, Ground, Image, Layout, is_root};

/// For root, and for an ordinary user with ranges of ids and without: each kind that can be had, with an empty store.
fn everyone(test: impl Fn(&Ground)) {
    if !is_root() {
        return test(&Ground::ordinary());
    }
    // One after the other: each has the mounts of the thread to itself.
    for made in [Ground::root, Ground::with_ranges, Ground::without_ranges] {
        if let Some(ground) = made() {
            test(&ground.with_store());
        }
    }
}

/// For root and for an ordinary user, where it does not matter which ids that user has.
fn both(test: impl Fn(&Ground)) {
    if let Some(ground) = is_root().then(Ground::root).flatten() {
        test(&ground.with_store());
    }
    test(&Ground::ordinary());
}

/// An image with a shell, a layer below what a test adds.
fn base(ground: &Ground) -> Image {
    // The witness is far larger than all the rest, and no image needs it.
    let _ = std::fs::remove_file(ground.rootfs().join("bin/witness"));
    Image::of(ground.rootfs())
}

/// An image with nothing in it.
fn empty(ground: &Ground) -> Image {
    Image::of(&ground.new_directory("nothing"))
}

/// A layout of `image`, and how it is named.
fn layout(ground: &Ground, name: &str, image: &Image) -> String {
    Layout::with(ground.path(name), image).reference()
}

/// A script in an image.
fn sh(ground: &Ground, options: &[&str], image: &str, script: &str) -> Call {
    ground.run(options.iter().copied()).words([image, "/bin/sh", "-c", script])
}
