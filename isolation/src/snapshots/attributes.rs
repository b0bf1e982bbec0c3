//! Extended attributes in JSON: an object, or a list of pairs if a name is not UTF-8.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bytes::Bytes;

/// Extended attributes: their names and values.
pub type Attributes = BTreeMap<Bytes, Bytes>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Read {
    Object(BTreeMap<String, Bytes>),
    Pairs(Vec<(Bytes, Bytes)>),
}

pub(super) fn serialize<S: Serializer>(all: &Attributes, to: S) -> Result<S::Ok, S::Error> {
    let named = all.iter().map(|(name, value)| {
        let name = std::str::from_utf8(name.as_slice()).ok();
        name.map(|name| (name, value))
    });
    match named.collect::<Option<BTreeMap<&str, &Bytes>>>() {
        Some(object) => object.serialize(to),
        None => all.iter().collect::<Vec<_>>().serialize(to),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Attributes, D::Error> {
    Ok(match Read::deserialize(from)? {
        Read::Object(object) => object
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
        Read::Pairs(pairs) => pairs.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Entry, TreePath};

    #[test]
    fn name_of_an_attribute_survives() {
        let with = |names: &[&[u8]]| Entry {
            xattrs: names.iter().map(|name| (name.into(), b"\xff".into())).collect(),
            ..Entry::directory(TreePath::root())
        };
        let text = |entry: &Entry| serde_json::to_string(entry).unwrap();
        let [plain, mixed] = [with(&[b"user.a"]), with(&[b"user.a", b"user.\xff"])];
        assert!(text(&plain).contains(r#""xattrs":{"user.a":{"base64":"/w=="}}"#));
        assert!(
            text(&mixed).contains(r#""xattrs":[["user.a","#),
            "{}",
            text(&mixed)
        );
        for entry in [plain, mixed] {
            assert_eq!(serde_json::from_str::<Entry>(&text(&entry)).unwrap(), entry);
        }
    }
}
