//! What podman's and docker's command lines have in common.

use std::path::PathBuf;

use holm_tests::Finished;

use crate::world::{IMAGE, World};

/// The command line of an engine that has [`IMAGE`] in its store.
pub(crate) trait Client {
    /// The words that remove a container whatever it does, at once.
    const REMOVE: &[&str];

    /// Where it runs.
    fn world(&self) -> &World;

    /// The client with these words, to its end.
    fn run(&self, words: &[&str]) -> Finished;

    /// A container of that name, which runs `script` without a network of its own.
    fn start(&self, name: &str, options: &[&str], script: &str) -> String {
        let first = ["run", "--detach", "--network=none", "--name", name];
        self.run(&[&first, options, &[IMAGE, "sh", "-c", script]].concat()).ok()
    }

    /// What `script` writes in a new container.
    fn says(&self, options: &[&str], script: &str) -> String {
        self.run(&[&["run", "--rm", "--network=none"], options, &[IMAGE, "sh", "-c", script]].concat()).ok()
    }

    /// One field of what the engine knows of a container.
    fn knows(&self, name: &str, field: &str) -> String {
        self.run(&["container", "inspect", "--format", &format!("{{{{.{field}}}}}"), name]).ok()
    }

    /// Removes a container, of which then nothing is left.
    fn remove(&self, name: &str) {
        let id = self.knows(name, "Id");
        self.run(&[Self::REMOVE, &[name]].concat()).ok();
        assert_eq!(self.world().cgroups(&id), Vec::<PathBuf>::new(), "cgroups of {name} are left");
        assert_eq!(self.world().mounts(&id), Vec::<String>::new(), "mounts of {name} are left");
    }
}
