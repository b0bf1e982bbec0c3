use super::*;
use crate::error::ErrorKind;
use crate::snapshots::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use tar::{Builder, Header};

/// An entry of a layer: type, path, content or target of a link, mode.
type Item<'a> = (EntryType, &'a str, &'a str, u32);

const FILE: EntryType = EntryType::Regular;
const DIRECTORY: EntryType = EntryType::Directory;
const LINK: EntryType = EntryType::Symlink;
const HARD: EntryType = EntryType::Link;

fn archive(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, path, content, mode) in items {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(1_000_000);
        header.set_uid(0);
        header.set_gid(0);
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        let content = match *kind {
            FILE => content.as_bytes(),
            _ => {
                header.as_gnu_mut().unwrap().linkname[..content.len()].copy_from_slice(content.as_bytes());
                b""
            }
        };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn file<'a>(path: &'a str, content: &'a str) -> Item<'a> {
    (FILE, path, content, 0o644)
}

/// The user that is the root of the tree in these tests.
fn identity() -> Identity {
    Identity::of_this_process().unwrap()
}

fn unpack_at(top: &Path, layers: &[Vec<u8>], most: u64) -> Result<LeftOut> {
    let stop = Stop::default();
    let mut tree = Tree::new(top, identity(), Budget { left: most }, &stop)?;
    for layer in layers {
        let digests = LayerDigests {
            file: None,
            archive: Digest::of(layer),
        };
        tree.add(layer.as_slice(), digests)?;
    }
    tree.finish().map(|(left_out, ..)| left_out)
}

fn unpack(layers: &[&[Item<'_>]]) -> Result<(tempfile::TempDir, LeftOut)> {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    let layers: Vec<Vec<u8>> = layers.iter().map(|items| archive(items)).collect();
    let left_out = unpack_at(&root, &layers, 1 << 20)?;
    Ok((directory, left_out))
}

/// The paths of a tree, with the content of files and the targets of links.
fn listing(top: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![top.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(top).unwrap().display().to_string();
            let shown = if meta.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if meta.is_dir() {
                left.push(path);
                "/".to_owned()
            } else {
                fs::read_to_string(&path).unwrap()
            };
            found.insert(name, shown);
        }
    }
    found
}

fn tree(layers: &[&[Item<'_>]]) -> String {
    let (directory, _) = unpack(layers).unwrap();
    let found = listing(&directory.path().join("root"));
    let shown: Vec<String> = found
        .into_iter()
        .map(|(path, content)| format!("{path}={content}"))
        .collect();
    shown.join(" ")
}

#[test]
fn whiteouts_concern_the_layers_below() {
    let lower: &[Item<'_>] = &[file("d/a", "1"), file("d/sub/k", "1"), file("e", "1")];
    // One thing in the spelling of each store.
    let opaque: &[Item<'_>] = &[
        (DIRECTORY, "d/sub", "", 0o755),
        file("d/sub/new", "2"),
        file("d/sub/.wh..wh..opq", ""),
    ];
    let single: &[Item<'_>] = &[file("d/sub/.wh.k", ""), file("d/sub/new", "2")];
    let expected = "d=/ d/a=1 d/sub=/ d/sub/new=2 e=1";
    assert_eq!(tree(&[lower, opaque]), expected);
    assert_eq!(tree(&[lower, single]), expected);
    let before: &[Item<'_>] = &[file("d/sub/.wh..wh..opq", ""), file("d/sub/new", "2")];
    assert_eq!(
        tree(&[lower, before]),
        expected,
        "the order in a layer does not count"
    );
    let replaced: &[Item<'_>] = &[file("e", "2"), file(".wh.e", ""), file(".wh.d", "")];
    assert_eq!(tree(&[lower, replaced]), "e=2");
    let inside: &[Item<'_>] = &[file(".wh.d", ""), file("d/only", "2")];
    assert_eq!(tree(&[lower, inside]), "d=/ d/only=2 e=1");
    let other: &[Item<'_>] = &[
        file(".wh..wh.plnk/x", ""),
        file(".wh..wh.aufs", ""),
        file(".wh.none", ""),
    ];
    assert!(tree(&[lower, other]).starts_with("d=/ d/a=1 d/sub=/ d/sub/k=1"));
}

#[test]
fn directory_becomes_a_link_and_back() {
    let lower: &[Item<'_>] = &[file("d/a", "1"), file("lnk/old", "1")];
    let link: &[Item<'_>] = &[(LINK, "lnk", "/d", 0o777)];
    let through: &[Item<'_>] = &[file("lnk/through", "3")];
    let back: &[Item<'_>] = &[(DIRECTORY, "lnk", "", 0o755), file("lnk/x", "4")];
    assert_eq!(tree(&[lower, link, through]), "d=/ d/a=1 d/through=3 lnk=-> /d");
    assert_eq!(
        tree(&[lower, link, through, back]),
        "d=/ d/a=1 d/through=3 lnk=/ lnk/x=4"
    );
}

#[test]
fn hostile_layer_changes_nothing_outside() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "safe").unwrap();
    let target = secret.to_str().unwrap();
    let above = outside.path().to_str().unwrap();
    let cases: [&[Item<'_>]; 9] = [
        &[file("../secret", "x")],
        &[file("a/../../secret", "x")],
        &[file("/secret", "x")],
        &[(LINK, "out", above, 0o777), file("out/secret", "x")],
        &[
            (LINK, "out", "../../../../../../..", 0o777),
            file("out/secret", "x"),
        ],
        &[(LINK, "file", target, 0o777), file("file", "x")],
        &[(HARD, "hard", target, 0o644), file("hard", "x")],
        &[
            (LINK, "link", target, 0o777),
            (HARD, "hard", "link", 0o644),
            file("hard", "x"),
        ],
        &[(LINK, "out", above, 0o777), file("out/.wh.secret", "")],
    ];
    for items in cases {
        let directory = tempfile::tempdir_in(outside.path()).unwrap();
        let root = directory.path().join("root");
        fs::create_dir(&root).unwrap();
        let _rejected = unpack_at(&root, &[archive(items)], 1 << 20);
        assert_eq!(fs::read_to_string(&secret).unwrap(), "safe", "{items:?}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{items:?}");
    }
    let error = |items: &[Item<'_>]| unpack(&[items]).unwrap_err();
    for (items, why) in [
        (&[file("../x", "")][..], "is not a path"),
        (&[file("d/.wh...", "")], "removes no file"),
        (&[file(".wh.", "")], "removes no file"),
        (&[file(".wh..", "")], "removes no file"),
        (&[(HARD, "hard", "/etc/passwd", 0o644)], "is no file"),
        (
            &[(DIRECTORY, "d", "", 0o755), (HARD, "hard", "d", 0o644)],
            "is no file",
        ),
        (&[(LINK, "l", "l", 0o777), file("l/x", "")], "unpack"),
        (&[file("f", ""), file("f/x", "")], "unpack"),
        (&[(EntryType::new(b'Q'), "q", "", 0)], "unknown type"),
    ] {
        let error = error(items);
        assert!(error.to_string().contains(why), "{items:?}: {error}");
    }
}

#[test]
fn devices_are_left_out_and_counted() {
    let (directory, left_out) = unpack(&[&[
        (EntryType::Char, "dev/null", "", 0o666),
        (EntryType::Block, "dev/sda", "", 0o660),
        // To an overlay, this one would mean that the file below it is removed.
        (EntryType::Char, "whiteout", "", 0),
        (EntryType::Fifo, "pipe", "", 0o640),
    ]])
    .unwrap();
    assert_eq!(left_out.devices, 3);
    let root = directory.path().join("root");
    assert!(!root.join("whiteout").exists() && !root.join("dev/null").exists());
    assert_eq!(root.join("pipe").metadata().unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn modes_and_times_are_those_of_the_layer() {
    let (directory, _) = unpack(&[
        &[
            (DIRECTORY, "closed", "", 0o555),
            (FILE, "closed/program", "x", 0o4755),
            (DIRECTORY, "tmp", "", 0o1777),
        ],
        &[file("closed/later", "y")],
    ])
    .unwrap();
    let root = directory.path().join("root");
    for (path, mode) in [
        ("", 0o755),
        ("closed", 0o555),
        ("closed/program", 0o4755),
        ("tmp", 0o1777),
    ] {
        let meta = root.join(path).metadata().unwrap();
        assert_eq!(meta.mode() & 0o7777, mode, "{path}");
        if !path.is_empty() {
            assert_eq!(meta.mtime(), 1_000_000, "{path}");
        }
    }
    assert_eq!(fs::read_to_string(root.join("closed/later")).unwrap(), "y");
    remove_tree(&root).unwrap();
}

#[test]
fn owners_are_users_of_the_environment() {
    let mut builder = Builder::new(Vec::new());
    for (path, user, group) in [("a", 0, 0), ("b", 33, 7), ("c", 4_000_000_000, 0)] {
        let mut header = Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        header.set_uid(user);
        header.set_gid(group);
        builder.append_data(&mut header, path, &b""[..]).unwrap();
    }
    let layer = builder.into_inner().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let left_out = unpack_at(directory.path(), &[layer], 1 << 20).unwrap();
    let owner = |path: &str| {
        let meta = directory.path().join(path).metadata().unwrap();
        (meta.uid(), meta.gid())
    };
    match identity() {
        Identity::Range { first } => {
            assert_eq!(
                (owner("a"), owner("b")),
                ((first, first), (first + 33, first + 7))
            );
            assert_eq!(owner("c").0, first + 65_534);
            assert_eq!(left_out.owners, 1);
        }
        Identity::Caller | Identity::Mapped { .. } => {
            assert_eq!(owner("a"), owner("b"));
            assert_eq!(left_out.owners, 2);
        }
    }
}

#[test]
fn layer_that_is_too_large_or_cut_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let large = archive(&[file("large", &"x".repeat(100_000))]);
    let error = unpack_at(directory.path(), std::slice::from_ref(&large), 50_000).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = unpack_at(directory.path(), &[large[..60_000].to_vec()], 1 << 20).unwrap_err();
    assert!(error.to_string().contains("in the middle of /large"), "{error}");
    let mut header = Header::new_gnu();
    header.set_size(u64::MAX >> 1);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.as_gnu_mut().unwrap().name[..4].copy_from_slice(b"huge");
    header.set_cksum();
    let error = unpack_at(directory.path(), &[header.as_bytes().to_vec()], 1 << 20).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn root_of_the_image_has_its_own_attributes() {
    let (directory, _) = unpack(&[&[(DIRECTORY, "./", "", 0o700), file("a", "1")]]).unwrap();
    let root = directory.path().join("root").metadata().unwrap();
    assert_eq!((root.mode() & 0o7777, root.mtime()), (0o700, 1_000_000));
    let error = unpack(&[&[file("./", "")]]).unwrap_err();
    assert_eq!(error.to_string(), "the root of the image is no directory");
}

#[test]
fn directory_of_the_same_layer_outlives_a_whiteout() {
    let lower: &[Item<'_>] = &[file("d/sub/old", "1")];
    let upper: &[Item<'_>] = &[file("d/sub/new", "2"), file(".wh.d", "")];
    assert_eq!(tree(&[lower, upper]), "d=/ d/sub=/ d/sub/new=2");
}

#[test]
fn attribute_of_an_overlay_is_left_out() {
    let mut builder = Builder::new(Vec::new());
    let records = [
        ("SCHILY.xattr.user.kind", &b"text"[..]),
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.security.capability", b"x"),
    ];
    builder.append_pax_extensions(records).unwrap();
    let mut header = Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o644);
    builder.append_data(&mut header, "a", &b"1"[..]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    unpack_at(&root, &[builder.into_inner().unwrap()], 1 << 20).unwrap();
    let value = |name: &str| {
        let mut value = [0; 16];
        let size = rustix::fs::getxattr(root.join("a"), name, &mut value[..]).ok()?;
        Some(value[..size].to_vec())
    };
    // Not every file system has attributes.
    let own = value("user.kind");
    assert!(own.is_none() || own.as_deref() == Some(b"text"), "{own:?}");
    assert_eq!(value("user.overlay.opaque"), None);
    assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "1");
}

#[test]
fn image_with_too_many_files_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let budget = Budget { left: 1 << 20 };
    let mut tree = Tree::new(directory.path(), identity(), budget, &stop).unwrap();
    tree.entries = MOST_ENTRIES - 1;
    let layer = archive(&[file("a", "1"), file("b", "2")]);
    let digests = LayerDigests {
        file: None,
        archive: Digest::of(&layer),
    };
    let error = tree.add(layer.as_slice(), digests).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("more than 5000000 files"), "{error}");
    assert!(directory.path().join("a").exists() && !directory.path().join("b").exists());
}
