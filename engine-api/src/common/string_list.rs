//! Lists of strings in requests: commands, binds, capabilities, filters.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// A list of strings, written as `["echo", "hi"].into()`.
///
/// It dereferences to `Vec<String>`, and a `Vec` of anything that becomes a `String` converts to
/// it.
///
/// ```
/// use engine_api::common::StringList;
///
/// let mut command: StringList = ["echo", "hi"].into();
/// command.push("there".to_owned());
/// assert_eq!(command, ["echo", "hi", "there"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StringList(Vec<String>);

impl fmt::Debug for StringList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Deref for StringList {
    type Target = Vec<String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for StringList {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<T: Into<String>> From<Vec<T>> for StringList {
    fn from(list: Vec<T>) -> Self {
        list.into_iter().collect()
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for StringList {
    fn from(list: [T; N]) -> Self {
        list.into_iter().collect()
    }
}

impl<T: Clone + Into<String>> From<&[T]> for StringList {
    fn from(list: &[T]) -> Self {
        list.iter().cloned().collect()
    }
}

impl From<StringList> for Vec<String> {
    fn from(list: StringList) -> Self {
        list.0
    }
}

impl<T: Into<String>> FromIterator<T> for StringList {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        Self(list.into_iter().map(Into::into).collect())
    }
}

impl IntoIterator for StringList {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a StringList {
    type Item = &'a String;
    type IntoIter = std::slice::Iter<'a, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T, const N: usize> PartialEq<[T; N]> for StringList
where
    String: PartialEq<T>,
{
    fn eq(&self, other: &[T; N]) -> bool {
        self.0 == *other
    }
}

impl<T> PartialEq<Vec<T>> for StringList
where
    String: PartialEq<T>,
{
    fn eq(&self, other: &Vec<T>) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn a_string_list_is_a_plain_array_on_the_wire() {
        let list = StringList::from(["echo", "hi"]);
        assert_eq!(encode(&list).unwrap(), br#"["echo","hi"]"#);
        assert_eq!(decode::<StringList>(br#"["echo","hi"]"#).unwrap(), list);
        assert_eq!(decode::<StringList>(b"null").unwrap(), StringList::default());
        assert_eq!(format!("{list:?}"), r#"["echo", "hi"]"#);
    }

    #[test]
    fn lists_of_all_kinds_become_a_string_list() {
        let owned = vec!["a".to_owned(), "b".to_owned()];
        let expected = StringList::from(["a", "b"]);
        assert_eq!(StringList::from(&owned[..]), expected);
        assert_eq!(StringList::from(vec!["a", "b"]), expected);
        assert_eq!("a b".split(' ').collect::<StringList>(), expected);
        assert_eq!(expected, owned);
        assert_eq!(Vec::from(expected), owned);
    }

    #[test]
    fn a_string_list_is_read_in_its_order() {
        let list = StringList::from(["b", "a"]);
        let lengths: Vec<usize> = (&list).into_iter().map(String::len).collect();
        assert_eq!(lengths, [1, 1]);
        assert_eq!(list.into_iter().collect::<String>(), "ba");
    }
}
