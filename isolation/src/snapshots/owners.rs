//! The users of an environment, as this machine has them.

use super::attributes::Attributes;
use super::bytes::Bytes;

/// The user of files whose user is unknown.
const NOBODY: u32 = 65_534;

/// The attribute with the capabilities of a program.
const CAPABILITY: &[u8] = b"security.capability";

/// The beginning of the attributes with access lists.
const ACCESS_LISTS: &[u8] = b"system.posix_acl_";

/// The length of a capability for every root, and of one for the root of some namespaces.
const PLAIN: usize = 20;
const NAMESPACED: usize = 24;

/// The versions of both, in the highest byte of the first number.
const PLAIN_VERSION: u8 = 2;
const NAMESPACED_VERSION: u8 = 3;

/// Which users of this machine the users of an environment are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Owners {
    /// The same ones.
    #[default]
    Same,
    /// Root is the first one, and the others follow it.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))] // only the engine `sandbox` has it
    Range {
        /// Root of the environment.
        first: u32,
        /// The number of users.
        count: u32,
    },
    /// Root is the caller, and the first one is user 1. The caller cannot give files to them.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))] // only the engine `sandbox` has it
    Mapped {
        /// User 1 of the environment.
        first: u32,
        /// The number of users, with root.
        count: u32,
    },
    /// There is only root, who is the caller.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))] // only the engine `sandbox` has it
    Caller,
}

impl Owners {
    /// The user of the environment who is this one on this machine.
    pub(super) fn inside(self, id: u32) -> u32 {
        match self {
            Self::Same => id,
            Self::Range { first, count } => match id.checked_sub(first) {
                Some(inside) if inside < count => inside,
                _ => NOBODY,
            },
            Self::Mapped { first, count } => match id.checked_sub(first) {
                Some(inside) if inside < count - 1 => inside + 1,
                _ => 0,
            },
            Self::Caller => 0,
        }
    }

    /// The user of this machine who is this one in the environment; `None` without one.
    pub(super) fn outside(self, id: u64) -> Option<u32> {
        let id = u32::try_from(id).ok()?;
        match self {
            Self::Same => Some(id),
            Self::Range { first, count } => (id < count).then_some(first.saturating_add(id)),
            Self::Caller | Self::Mapped { .. } => None,
        }
    }

    /// The user to whom a file belongs whose user the environment does not have.
    pub(super) fn unknown(self) -> Option<u32> {
        self.outside(NOBODY.into())
    }

    /// Extended attributes of this machine, as the environment has them.
    pub(super) fn attributes_inside(self, found: Attributes) -> Attributes {
        self.changed(
            found,
            |value| self.plain_capability(value),
            |id| Some(self.inside(id)),
        )
    }

    /// Extended attributes of the environment, as this machine has them. An attribute with
    /// a user who has no counterpart is left out.
    pub(super) fn attributes_outside(self, saved: &Attributes) -> Attributes {
        let capability = |value: &[u8]| self.namespaced_capability(value);
        self.changed(saved.clone(), capability, |id| self.outside(id.into()))
    }

    fn changed(
        self,
        attributes: Attributes,
        capability: impl Fn(&[u8]) -> Option<Vec<u8>>,
        user: impl Fn(u32) -> Option<u32>,
    ) -> Attributes {
        if self == Self::Same {
            return attributes;
        }
        let change = |(name, value): (Bytes, Bytes)| {
            let value = if name.as_slice() == CAPABILITY {
                capability(value.as_slice())?.into()
            } else if name.as_slice().starts_with(ACCESS_LISTS) {
                access_list(value.as_slice(), &user)?.into()
            } else {
                value
            };
            Some((name, value))
        };
        attributes.into_iter().filter_map(change).collect()
    }

    /// A capability for the root of this environment, without that root.
    fn plain_capability(self, value: &[u8]) -> Option<Vec<u8>> {
        if value.len() != NAMESPACED || value[3] != NAMESPACED_VERSION {
            return None;
        }
        let root = u32::from_le_bytes(value[PLAIN..].try_into().ok()?);
        if let Self::Range { first, .. } = self {
            if root != first {
                return None;
            }
        }
        let mut plain = value[..PLAIN].to_vec();
        plain[3] = PLAIN_VERSION;
        Some(plain)
    }

    /// A capability that only the root of this environment has, and no user of this machine.
    fn namespaced_capability(self, value: &[u8]) -> Option<Vec<u8>> {
        let Self::Range { first, .. } = self else {
            return None;
        };
        if value.len() != PLAIN || value[3] != PLAIN_VERSION {
            return None;
        }
        let mut namespaced = value.to_vec();
        namespaced[3] = NAMESPACED_VERSION;
        namespaced.extend_from_slice(&first.to_le_bytes());
        Some(namespaced)
    }
}

/// An access list with other users: four bytes, then eight for each entry.
fn access_list(value: &[u8], user: &impl Fn(u32) -> Option<u32>) -> Option<Vec<u8>> {
    /// The kinds of entries that name a user or a group.
    const NAMING: [u16; 2] = [0x02, 0x08];
    let (head, entries) = value.split_at_checked(4)?;
    let mut changed = head.to_vec();
    for entry in entries.chunks(8) {
        let kind = u16::from_le_bytes(entry.get(..2)?.try_into().ok()?);
        let id = u32::from_le_bytes(entry.get(4..8)?.try_into().ok()?);
        let id = match NAMING.contains(&kind) {
            true => user(id)?,
            false => id,
        };
        changed.extend_from_slice(&entry[..4]);
        changed.extend_from_slice(&id.to_le_bytes());
    }
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Owners = Owners::Range {
        first: 200_000,
        count: 65_536,
    };

    #[test]
    fn users_of_a_range_are_numbered_from_root() {
        assert_eq!((RANGE.inside(200_000), RANGE.outside(0)), (0, Some(200_000)));
        assert_eq!((RANGE.inside(200_005), RANGE.outside(5)), (5, Some(200_005)));
        assert_eq!((RANGE.inside(0), RANGE.inside(265_536)), (NOBODY, NOBODY));
        assert_eq!((RANGE.outside(65_536), RANGE.unknown()), (None, Some(265_534)));
        assert_eq!(
            (Owners::Caller.inside(1000), Owners::Caller.outside(0)),
            (0, None)
        );
        assert_eq!((Owners::Same.inside(7), Owners::Same.outside(7)), (7, Some(7)));
    }

    #[test]
    fn users_of_a_mapping_follow_the_caller() {
        let mapped = Owners::Mapped { first: 9, count: 3 };
        assert_eq!([8, 9, 10, 11, 12].map(|id| mapped.inside(id)), [0, 1, 2, 0, 0]);
    }

    #[test]
    fn capability_of_another_form_is_left_out() {
        let saved = |value: &[u8]| -> Attributes { [(CAPABILITY.into(), value.into())].into() };
        let version = |length: usize, version: u8| {
            let mut value = vec![0; length];
            value[3] = version;
            value
        };
        for owners in [RANGE, Owners::Caller] {
            for wrong in [
                version(PLAIN, NAMESPACED_VERSION),
                version(NAMESPACED, PLAIN_VERSION),
            ] {
                assert!(owners.attributes_inside(saved(&wrong)).is_empty());
                assert!(owners.attributes_outside(&saved(&wrong)).is_empty());
            }
        }
        // That of any root, for the only user of the environment.
        let one = Owners::Caller.attributes_inside(saved(&version(NAMESPACED, NAMESPACED_VERSION)));
        assert_eq!(one[&CAPABILITY.into()].as_slice(), version(PLAIN, PLAIN_VERSION));
        let other: Attributes = [("user.note".into(), b"x".into())].into();
        assert_eq!(RANGE.attributes_outside(&other), other);
        assert_eq!(RANGE.attributes_inside(other.clone()), other);
    }

    #[test]
    fn capability_is_one_of_the_environment_alone() {
        let mut plain = vec![1, 0, 0, PLAIN_VERSION];
        plain.extend([7; 16]);
        let saved: Attributes = [(CAPABILITY.into(), plain.clone().into())].into();
        let outside = RANGE.attributes_outside(&saved);
        let value = outside[&CAPABILITY.into()].as_slice();
        assert_eq!((value.len(), value[3]), (NAMESPACED, NAMESPACED_VERSION));
        assert_eq!(value[PLAIN..], 200_000_u32.to_le_bytes());
        assert_eq!(RANGE.attributes_inside(outside.clone()), saved);
        let other = Owners::Range { first: 9, count: 9 };
        assert!(other.attributes_inside(outside).is_empty());
        assert!(Owners::Caller.attributes_outside(&saved).is_empty());
        assert_eq!(Owners::Same.attributes_outside(&saved), saved);
    }

    #[test]
    fn users_of_an_access_list_are_changed() {
        let mut list = vec![2, 0, 0, 0];
        for (kind, id) in [(0x01_u16, u32::MAX), (0x02, 5), (0x08, 6), (0x10, u32::MAX)] {
            list.extend(kind.to_le_bytes());
            list.extend([7, 0]);
            list.extend(id.to_le_bytes());
        }
        let name = "system.posix_acl_access";
        let saved: Attributes = [(name.into(), list.into())].into();
        let outside = RANGE.attributes_outside(&saved);
        let value = outside[&name.into()].as_slice();
        assert_eq!(value[16..20], 200_005_u32.to_le_bytes());
        assert_eq!(value[8..12], u32::MAX.to_le_bytes());
        assert_eq!(RANGE.attributes_inside(outside), saved);
        let damaged = [(name.into(), [2, 0, 0, 0, 2, 0, 7].into())].into();
        assert!(RANGE.attributes_outside(&damaged).is_empty());
    }
}
