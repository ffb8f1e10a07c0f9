//! A map, checked as the kernel will check it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many lines the kernel takes (340 since Linux 4.15).
const MOST_LINES: usize = 340;
/// How long the text of a map may be: it is written at once, and the kernel takes less than the smallest page.
const MOST_BYTES: usize = 4095;

/// A range of ids: as many from `container` on, inside, are those from `host` on, outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The first id inside.
    pub container: u32,
    /// The first id outside, as the namespace of who writes the map has it.
    pub host: u32,
    /// How many.
    pub size: u32,
}

/// Why ranges are no map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdMapError {
    /// There is none.
    #[error("one range or more")]
    Empty,
    /// Too many.
    #[error("at most 340 ranges, and not {0}")]
    TooMany(usize),
    /// More than is taken at once.
    #[error("at most 4095 bytes of text, and not {0}: fewer ranges, or smaller numbers")]
    TooLong(usize),
    /// A range without ids.
    #[error("a size of 1 or more, and not 0, in the range from {0}")]
    NoSize(u32),
    /// A range beyond the last id (4294967294).
    #[error("ids up to 4294967294, which the range {0}:{1}:{2} exceeds")]
    Overflow(u32, u32, u32),
    /// Two ranges share an id.
    #[error("each {side} id once, which the ranges from {first} and from {second} do not keep to")]
    Overlap {
        /// Which side: container or host.
        side: &'static str,
        /// Where the first begins.
        first: u32,
        /// Where the second begins.
        second: u32,
    },
}

/// A map without overlaps, that the kernel takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Mapping>", into = "Vec<Mapping>")]
pub struct IdMap(Vec<Mapping>);

impl IdMap {
    /// Checks `mappings`.
    ///
    /// # Errors
    ///
    /// With what the kernel would refuse as a bare `EINVAL`.
    pub fn new(mappings: Vec<Mapping>) -> Result<Self, IdMapError> {
        if mappings.is_empty() {
            return Err(IdMapError::Empty);
        }
        if mappings.len() > MOST_LINES {
            return Err(IdMapError::TooMany(mappings.len()));
        }
        for m in &mappings {
            if m.size == 0 {
                return Err(IdMapError::NoSize(m.container));
            }
            // -1 is no id: the last one of a range may be u32::MAX - 1.
            let fits = |first: u32| first.checked_add(m.size).is_some();
            if !fits(m.container) || !fits(m.host) {
                return Err(IdMapError::Overflow(m.container, m.host, m.size));
            }
        }
        no_overlap("container", mappings.iter().map(|m| (m.container, m.size)).collect())?;
        no_overlap("host", mappings.iter().map(|m| (m.host, m.size)).collect())?;
        let map = Self(mappings);
        match map.to_string().len() {
            length if length > MOST_BYTES => Err(IdMapError::TooLong(length)),
            _ => Ok(map),
        }
    }

    /// One id alone.
    pub fn single(container: u32, host: u32) -> Result<Self, IdMapError> {
        Self::new(vec![Mapping { container, host, size: 1 }])
    }

    /// The ranges.
    pub fn mappings(&self) -> &[Mapping] {
        &self.0
    }

    /// What `id` of the container is outside.
    pub fn to_host(&self, id: u32) -> Option<u32> {
        self.0.iter().find_map(|m| translate(id, m.container, m.host, m.size))
    }

    /// What `id` of outside is in the container.
    pub fn to_container(&self, id: u32) -> Option<u32> {
        self.0.iter().find_map(|m| translate(id, m.host, m.container, m.size))
    }
}

fn translate(id: u32, from: u32, to: u32, size: u32) -> Option<u32> {
    let offset = id.checked_sub(from)?;
    if offset < size { to.checked_add(offset) } else { None }
}

fn no_overlap(side: &'static str, mut ranges: Vec<(u32, u32)>) -> Result<(), IdMapError> {
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        if let [(first, size), (second, _)] = *pair
            && second - first < size
        {
            return Err(IdMapError::Overlap { side, first, second });
        }
    }
    Ok(())
}

impl fmt::Display for IdMap {
    /// As the kernel reads it: a line per range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|m| writeln!(f, "{} {} {}", m.container, m.host, m.size))
    }
}

impl TryFrom<Vec<Mapping>> for IdMap {
    type Error = IdMapError;

    fn try_from(mappings: Vec<Mapping>) -> Result<Self, IdMapError> {
        Self::new(mappings)
    }
}

impl From<IdMap> for Vec<Mapping> {
    fn from(map: IdMap) -> Self {
        map.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(ranges: &[(u32, u32, u32)]) -> Result<IdMap, IdMapError> {
        IdMap::new(ranges.iter().map(|&(container, host, size)| Mapping { container, host, size }).collect())
    }

    #[test]
    fn what_the_kernel_refuses_is_refused_with_the_reason() {
        assert_eq!(map(&[]), Err(IdMapError::Empty));
        assert_eq!(map(&[(0, 0, 0)]), Err(IdMapError::NoSize(0)));
        assert_eq!(map(&[(0, u32::MAX, 1)]), Err(IdMapError::Overflow(0, u32::MAX, 1)));
        assert!(matches!(
            map(&[(0, 1000, 10), (9, 5000, 1)]),
            Err(IdMapError::Overlap { side: "container", .. })
        ));
        assert!(matches!(
            map(&[(0, 1000, 10), (10, 1009, 1)]),
            Err(IdMapError::Overlap { side: "host", .. })
        ));
        assert!(matches!(map(&vec![(0, 0, 1); 341]), Err(IdMapError::TooMany(341))));
        let of = |lines: u32| (0..lines).map(|n| (n * 2, 4_000_000_000 + n * 2, 1)).collect::<Vec<_>>();
        assert!(map(&of(200)).is_ok());
        assert!(matches!(map(&of(340)), Err(IdMapError::TooLong(_))));
    }

    #[test]
    fn the_whole_of_the_ids_is_a_map() {
        assert!(map(&[(0, 0, u32::MAX)]).is_ok());
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_id(container in 0u32..1000, host in 0u32..1000, size in 1u32..1000, id: u32) {
            let map = map(&[(container, host, size)]).unwrap();
            match map.to_host(id) {
                Some(outside) => prop_assert_eq!(map.to_container(outside), Some(id)),
                None => prop_assert!(id < container || id - container >= size),
            }
        }

        #[test]
        fn no_ranges_panic(ranges in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>()), 0..20)) {
            let _ = map(&ranges);
        }
    }
}
