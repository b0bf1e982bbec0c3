//! Archives as programs write them, and damaged ones.

use super::*;

fn read(archive: &[u8]) -> Result<Vec<Described>> {
    let mut found = Vec::new();
    each(archive, |described, _| {
        found.push(described);
        Ok(())
    })?;
    Ok(found)
}

fn block(kind: EntryType, name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(7);
    header.set_uid(1);
    header.set_gid(2);
    header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

#[test]
fn extended_headers_belong_to_the_next_entry() {
    let long = vec![b'n'; 300];
    let pax = b"13 mtime=9.5\n15 uid=3000000\n27 SCHILY.xattr.user.a=b\nc\n24 SCHILY.xattr.user.\xff=\n";
    let archive = [
        block(
            EntryType::GNULongName,
            b"././@LongLink",
            &[&long[..], b"\0"].concat(),
        ),
        block(EntryType::Regular, b"nnn", b"content"),
        block(EntryType::XHeader, b"pax", &pax[..]),
        block(EntryType::Regular, b"b", b""),
        block(EntryType::Regular, b"c", b""),
    ];
    let found = read(&archive.concat());
    let found = found.unwrap();
    assert_eq!(found[0].path.as_bytes(), long);
    assert_eq!((found[0].size, found[0].changed), (7, (7, 0)));
    assert_eq!(
        (found[1].user, found[1].group, found[1].changed),
        (3_000_000, 2, (9, 500_000_000))
    );
    assert_eq!(found[1].xattrs[&"user.a".into()].as_slice(), b"b\nc");
    assert_eq!(found[1].xattrs[&b"user.\xff".into()].as_slice(), b"");
    assert_eq!((found[2].user, found[2].path.to_string()), (1, "/c".to_owned()));
}

#[test]
fn long_target_of_a_link_belongs_to_the_next_entry() {
    let long = vec![b't'; 300];
    let archive = [
        block(EntryType::XGlobalHeader, b"pax_global_header", b"9 a=bcd\n"),
        block(
            EntryType::GNULongLink,
            b"././@LongLink",
            &[&long[..], b"\0"].concat(),
        ),
        block(EntryType::Symlink, b"link", b""),
        block(EntryType::Symlink, b"next", b""),
        block(EntryType::XHeader, b"pax", b"14 mtime=-1.5\n"),
        block(EntryType::Regular, b"old", b""),
    ];
    let found = read(&archive.concat()).unwrap();
    assert_eq!(
        (found[0].link.as_slice(), found[0].path.as_bytes()),
        (&long[..], &b"link"[..])
    );
    assert_eq!(found[1].link.as_slice(), b"");
    assert_eq!((found.len(), found[2].changed), (3, (-2, 500_000_000)));
}

#[test]
fn huge_or_contradictory_header_is_an_error() {
    let huge = vec![b'n'; (1 << 20) + 1];
    for (archive, why) in [
        (block(EntryType::GNULongName, b"x", &huge), "more than 1 MiB"),
        (
            [
                block(EntryType::XHeader, b"x", b"16 size=9999999\n"),
                block(EntryType::Regular, b"a", b"x"),
            ]
            .concat(),
            "two different sizes",
        ),
        (block(EntryType::XHeader, b"x", b"99 a=b\n"), "invalid header"),
        (block(EntryType::Regular, b"../x", b""), "is not a path"),
        (block(EntryType::GNUSparse, b"x", b""), "sparse"),
        (
            [
                block(EntryType::XHeader, b"x", b"22 GNU.sparse.major=1\n"),
                block(EntryType::Regular, b"a", b"x"),
            ]
            .concat(),
            "sparse",
        ),
        (
            block(EntryType::GNULongName, b"x", b"name")[..600].to_vec(),
            "in the middle of a header",
        ),
        (
            block(EntryType::Regular, b"x", b"content")[..600].to_vec(),
            "damaged",
        ),
        (
            block(EntryType::Regular, b"x", b"")[..100].to_vec(),
            "in the middle of a header",
        ),
        (vec![b'x'; 1024], "damaged"),
        (
            {
                let mut bytes = block(EntryType::Regular, b"a", b"");
                bytes[0] = b'b';
                bytes
            },
            "the checksum of a header is wrong",
        ),
        (
            [
                block(EntryType::XHeader, b"x", b"12 mtime=soon\n".as_slice()),
                block(EntryType::Regular, b"a", b""),
            ]
            .concat(),
            "invalid",
        ),
    ] {
        let error = read(&archive).unwrap_err();
        let text = error.to_string();
        assert!(
            error.kind() == ErrorKind::Corrupt && text.contains(why),
            "{why}: {text}"
        );
    }
}

#[test]
fn values_with_line_breaks_are_whole() {
    let path = b"\xc3\xa9\n20 path=elsewhere\n";
    let link = b"to\n22 mtime=9\nthere";
    let capability = [1, 0, 0, 2, b'\n', 0, 0, 0];
    let mut pax = Vec::new();
    for (key, value) in [
        ("path", &path[..]),
        ("linkpath", &link[..]),
        ("SCHILY.xattr.security.capability", &capability[..]),
        ("SCHILY.xattr.user.empty", b""),
        // The last one counts; an empty one takes nothing.
        ("mtime", b"1"),
        ("mtime", b"-1.25"),
        ("uid", b""),
    ] {
        let rest = key.len() + value.len() + 3;
        let length = (1..5).find(|digits| (rest + digits).to_string().len() == *digits);
        pax.extend(format!("{} {key}=", rest + length.unwrap()).into_bytes());
        pax.extend([value, b"\n"].concat());
    }
    let archive = [
        block(EntryType::XHeader, b"pax", &pax),
        block(EntryType::Symlink, b"short", b""),
        block(EntryType::Regular, b"next", b""),
    ];
    let found = read(&archive.concat()).unwrap();
    assert_eq!(found[0].path.as_bytes(), &path[..]);
    assert_eq!(found[0].link, link);
    assert_eq!(
        found[0].xattrs[&"security.capability".into()].as_slice(),
        capability
    );
    assert_eq!(found[0].xattrs[&"user.empty".into()].as_slice(), b"");
    assert_eq!((found[0].changed, found[0].user), ((-2, 750_000_000), 1));
    assert_eq!(
        (found[1].path.to_string(), found[1].changed),
        ("/next".into(), (7, 0))
    );
}

#[test]
fn size_without_room_is_that_of_the_record() {
    // The content of such an entry is not in this archive: what was read so far is compared.
    let archive = [
        block(EntryType::XHeader, b"pax", b"19 size=8589934592\n"),
        block(EntryType::Regular, b"large", b""),
    ];
    let mut sizes = Vec::new();
    let error = each(&archive.concat()[..], |described, _| {
        sizes.push(described.size);
        Ok(())
    });
    assert_eq!(sizes, [1 << 33]);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn time_before_1970_may_be_in_the_header() {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(0);
    header.set_mode(0o644);
    header.set_mtime(-86400_i64 as u64);
    header.as_old_mut().name[0] = b'x';
    header.set_cksum();
    let found = read(header.as_bytes()).unwrap();
    assert_eq!(found[0].changed, (-86400, 0));
}

#[cfg(target_os = "linux")]
#[test]
fn entries_of_a_file_have_positions() {
    let archive = [
        block(EntryType::Regular, b"a", b"one"),
        block(EntryType::GNULongName, b"x", b"b\0"),
        block(EntryType::Regular, b"x", &[b'2'; 600]),
    ]
    .concat();
    let mut found = Vec::new();
    each_in_file(io::Cursor::new(&archive), |described, _| {
        found.push((described.path.to_string(), described.position, described.size));
        Ok(())
    })
    .unwrap();
    assert_eq!(found, [("/a".into(), 512, 3), ("/b".into(), 2560, 600)]);
    assert_eq!(archive[2560], b'2');
}

#[test]
fn record_without_a_meaning_here_is_read_over() {
    let archive = [
        block(EntryType::XHeader, b"pax", b"13 comment=c\n11 mtime=5\n"),
        block(EntryType::Regular, b"a", b"content"),
        block(EntryType::Regular, b"b", b""),
    ];
    let archive = archive.concat();
    assert_eq!(read(&archive).unwrap()[0].changed, (5, 0));
    // Only the first entry is wanted.
    let found = first(archive.as_slice()).unwrap().unwrap();
    assert_eq!((found.path.to_string(), found.size), ("/a".to_owned(), 7));
    assert!(first([0; 1024].as_slice()).unwrap().is_none());
}

#[test]
fn time_is_a_number_with_parts() {
    assert_eq!(read_time("5"), Some((5, 0)));
    assert_eq!(read_time("5.25"), Some((5, 250_000_000)));
    for invalid in ["", "x", "5.x", "5.-1", "5,5"] {
        assert_eq!(read_time(invalid), None, "{invalid}");
    }
}
