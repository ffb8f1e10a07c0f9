//! Who makes a container out of its bundle: Holm itself, by a library call, or another OCI runtime, by its command
//! line. Either way the container's process is a child of this one and is waited for by its pidfd.

mod other;
mod overlay;
mod replaced_init;

pub(crate) use other::OtherRuntime;
pub(crate) use overlay::{mount as mount_overlay, refuse_ordinary_user, unmount as unmount_overlay};
pub(crate) use replaced_init::replace as replace_init;

use std::path::Path;

use holm_runtime::{Container, CreateRequest, ExecRequest, Observer};
use holm_state::{Root, Status};
use oci_spec::runtime::{Process, Spec};

use crate::Result;

/// Where all containers' directories name their other runtime's state.
const OTHER_STATE: &str = "runtime";

/// One of the two.
#[derive(Debug)]
pub(crate) enum Launcher<'a> {
    /// Holm itself.
    Own(&'a Root),
    /// Another runtime.
    Other(OtherRuntime),
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// Its status.
    pub(crate) status: Status,
    /// Its first process; 0 when there is none.
    pub(crate) pid: i32,
}

/// A container to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch<'a> {
    /// Its name, which is its id.
    pub(crate) id: &'a str,
    /// Its bundle.
    pub(crate) bundle: &'a Path,
    /// The configuration in that.
    pub(crate) config: &'a Spec,
    /// Where its terminal is sent to.
    pub(crate) console_socket: Option<&'a Path>,
}

/// A process to be run in a container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Further<'a> {
    /// The container.
    pub(crate) id: &'a str,
    /// The process.
    pub(crate) process: &'a Process,
    /// Where its terminal is sent to.
    pub(crate) console_socket: Option<&'a Path>,
    /// Whether it is outside of the container's filter of system calls.
    pub(crate) unfiltered: bool,
}

impl<'a> Launcher<'a> {
    /// The one for the container whose directory is `directory`.
    pub(crate) fn of(runtime: Option<&Path>, root: &'a Root, directory: &Path) -> Self {
        match runtime {
            None => Self::Own(root),
            Some(program) => Self::Other(OtherRuntime::new(program, &directory.join(OTHER_STATE))),
        }
    }

    /// The program, when it is another one.
    pub(crate) fn program(&self) -> Option<&Path> {
        match self {
            Self::Own(_) => None,
            Self::Other(other) => Some(other.program()),
        }
    }

    /// Whether it makes time namespaces.
    pub(crate) fn makes_time_namespaces(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Other(other) => other.lists_namespace("time"),
        }
    }

    /// Whether it sets the domain name of a container, which the specification has since 1.1.
    pub(crate) fn sets_domain_names(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Other(other) => other.follows((1, 1)),
        }
    }

    /// Makes a container, and lets it run its command.
    ///
    /// # Errors
    ///
    /// What the runtime says; when the command cannot be executed.
    pub(crate) fn run(&self, launch: &Launch<'_>, observer: &mut dyn Observer) -> Result<Container> {
        match self {
            Self::Other(other) => {
                let container = other.create(launch)?;
                other.start(launch.id)?;
                Ok(container)
            }
            Self::Own(root) => {
                let request = CreateRequest {
                    config: Some(launch.config),
                    console_socket: launch.console_socket,
                    die_with_parent: true,
                    ..CreateRequest::new(launch.id, launch.bundle)
                };
                holm_runtime::run(root, &request, observer)
            }
        }
    }

    /// Runs a further process in it.
    ///
    /// # Errors
    ///
    /// When the container does not run, or the command cannot be executed.
    pub(crate) fn exec(&self, further: &Further<'_>, observer: &mut dyn Observer) -> Result<Container> {
        match self {
            Self::Other(other) => other.exec(further),
            Self::Own(root) => {
                let request = ExecRequest {
                    console_socket: further.console_socket,
                    die_with_parent: true,
                    unfiltered: further.unfiltered,
                    ..ExecRequest::new(further.id, further.process)
                };
                holm_runtime::exec(root, &request, observer)
            }
        }
    }

    /// Removes all that is left of the container made of `bundle`; nothing left is fine.
    ///
    /// # Errors
    ///
    /// When something cannot be removed.
    pub(crate) fn delete(&self, id: &str, bundle: &Path) -> Result<()> {
        match self {
            // Its state is this container's alone.
            Self::Other(other) => other.delete(id),
            // `holm oci` may have one of the same id.
            Self::Own(root) => holm_runtime::delete_made_of(root, id, bundle, &mut holm_runtime::Silent),
        }
    }

    /// The pid of a process by which its namespaces can be found in /proc; `None` when it does not run.
    pub(crate) fn member(&self, id: &str) -> Option<i32> {
        match self {
            Self::Other(other) => {
                other.life(id).filter(|life| life.status == Status::Running).map(|life| life.pid)
            }
            Self::Own(root) => holm_runtime::member(root, id).ok(),
        }
    }

    /// What it is doing; `None` when the runtime does not know it.
    pub(crate) fn life(&self, id: &str) -> Option<Life> {
        match self {
            Self::Other(other) => other.life(id),
            Self::Own(root) => {
                let state = holm_runtime::state(root, id).ok()?;
                Some(Life { status: state.status, pid: state.pid })
            }
        }
    }
}
