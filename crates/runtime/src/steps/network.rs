//! Network devices that go from the caller's network namespace into the container's, and back when it comes to nothing.

use std::os::fd::AsFd;
use std::path::Path;

use holm_namespaces::{Kind, Namespace, join as setns};
use holm_network::{Address, Link, Links};

use crate::error::StepError;
use crate::steps::{ParentBench, StepResult};

/// At the end of a name it stands for the first number that makes the name free.
const ANY_NUMBER: &str = "%d";

/// What has been moved, from where and to where: both are held open, so that nothing that is in there is lost.
pub(crate) struct Moves {
    host: Side,
    container: Side,
    moved: Vec<Moved>,
}

/// A network namespace.
struct Side {
    namespace: Namespace,
    links: Links,
}

/// A device in the container, and how it was.
struct Moved {
    host_name: String,
    name: String,
    was_up: bool,
    addresses: Vec<Address>,
}

/// Moves a device into the network namespace of the child, or the one at `into`.
pub(crate) fn move_device(
    bench: &mut ParentBench<'_>,
    device: &str,
    name: &str,
    into: Option<&Path>,
) -> StepResult {
    if bench.network.is_none() {
        let namespace = match into {
            Some(path) => Namespace::open_as(path, Kind::Network)?,
            None => Namespace::of_process(bench.child()?, Kind::Network)?,
        };
        bench.network = Some(Moves::between_own_and(namespace)?);
    }
    let moves = bench.network.as_mut().ok_or_else(|| StepError::new("there is no network namespace yet"))?;
    moves.take(device, name)
}

impl Moves {
    /// The socket for the other side is made in there, and belongs to it wherever this process is.
    fn between_own_and(other: Namespace) -> Result<Self, StepError> {
        let host = Side { namespace: Namespace::of_self(Kind::Network)?, links: Links::open()? };
        setns(&other)?;
        let links = Links::open();
        // Who cannot come back is of no use: this process makes the container out of the host's network namespace.
        setns(&host.namespace)?;
        Ok(Self { host, container: Side { namespace: other, links: links? }, moved: Vec::new() })
    }

    fn take(&mut self, device: &str, name: &str) -> StepResult {
        let link = self.host.links.find(device)?.filter(|link| link.name == device).ok_or_else(|| {
            let hint = "`ip link` shows those of the network namespace that this was called in";
            StepError::new(format!("there is no network device {device:?}")).hinting(hint)
        })?;
        let all = self.host.links.addresses(link.index)?;
        let moved = Moved {
            host_name: device.to_owned(),
            name: self.free_name(name)?,
            was_up: link.up,
            addresses: all.into_iter().filter(Address::is_lasting).collect(),
        };
        self.carry(&link, &moved.name)?;
        self.moved.push(moved);
        let Some(moved) = self.moved.last() else { return Ok(()) };
        self.container.settle(&moved.name, &moved.addresses, true)
    }

    /// The name in the container. The kernel renames a device after it has moved it, and leaves it there when it cannot.
    fn free_name(&mut self, name: &str) -> Result<String, StepError> {
        let links = &mut self.container.links;
        let Some(stem) = name.strip_suffix(ANY_NUMBER) else {
            return match links.find(name)? {
                None => Ok(name.to_owned()),
                Some(_) => {
                    Err(StepError::new(format!("the container has a network device {name:?} already"))
                        .hinting("give this one another name in linux.netDevices"))
                }
            };
        };
        for number in 0..=u16::MAX {
            let name = format!("{stem}{number}");
            if links.find(&name)?.is_none() {
                return Ok(name);
            }
        }
        Err(StepError::new(format!("the container has no name like {name:?} left")))
    }

    /// Moves it and gives it its name; it comes back when it has moved but did not get its name.
    fn carry(&mut self, link: &Link, name: &str) -> StepResult {
        let Err(error) = self.host.links.move_to(link.index, name, self.container.namespace.as_fd()) else {
            return Ok(());
        };
        if self.host.links.find(&link.name)?.is_none()
            && let Some(halfway) = self.container.links.find(&link.name)?
        {
            self.container.links.move_to(halfway.index, &link.name, self.host.namespace.as_fd())?;
        }
        Err(error.into())
    }

    /// Gives back what was moved, as it was; answers with what could not be given back.
    pub(crate) fn put_back(mut self) -> Vec<String> {
        let moved = std::mem::take(&mut self.moved);
        let lost = |moved: Moved| {
            let error = self.put_one_back(&moved).err()?;
            Some(format!("the network device {:?} could not be given back: {}", moved.host_name, error.cause))
        };
        moved.into_iter().rev().filter_map(lost).collect()
    }

    fn put_one_back(&mut self, moved: &Moved) -> StepResult {
        let gone =
            || StepError::new(format!("the container has no network device {:?} any more", moved.name));
        let link = self.container.links.find(&moved.name)?.ok_or_else(gone)?;
        self.container.links.move_to(link.index, &moved.host_name, self.host.namespace.as_fd())?;
        self.host.settle(&moved.host_name, &moved.addresses, moved.was_up)
    }
}

impl Side {
    /// Gives a device that has come in its addresses, and brings it up.
    fn settle(&mut self, name: &str, addresses: &[Address], up: bool) -> StepResult {
        let gone = || StepError::new(format!("the network device {name:?} is gone"));
        let index = self.links.find(name)?.ok_or_else(gone)?.index;
        // Of IPv6 the kernel has the last one first.
        let newest_first = addresses.iter().rev().filter(|address| address.is_v6());
        for address in addresses.iter().filter(|address| !address.is_v6()).chain(newest_first) {
            self.links.add_address(index, address)?;
        }
        if up {
            self.links.set_up(index)?;
        }
        Ok(())
    }
}
