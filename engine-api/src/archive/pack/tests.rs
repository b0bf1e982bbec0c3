//! Tests of what is in an archive of files of this machine.

use filetime::FileTime;

use super::*;
use crate::wire::body::Body;

async fn bytes(upload: Upload) -> io::Result<Vec<u8>> {
    let Body::Upload(mut pieces) = upload.0 else {
        panic!("it streams")
    };
    let mut all = Vec::new();
    while let Some(piece) = std::future::poll_fn(|cx| pieces.as_mut().poll_next(cx)).await {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

#[tokio::test]
async fn contents_have_no_entry_for_their_directory() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("b/c")).unwrap();
    fs::write(directory.path().join("a"), "1").unwrap();
    let contents = |name: &str| bytes(pack_contents(directory.path(), name).unwrap());
    assert_eq!(
        names(&contents("top").await.unwrap()),
        ["top/a", "top/b", "top/b/c"]
    );
    assert_eq!(names(&contents(".").await.unwrap()), ["a", "b", "b/c"]);
    for (source, name) in [
        (directory.path().join("a"), "x"),
        (directory.path().into(), "../x"),
    ] {
        assert!(pack_contents(&source, name).is_err(), "{source:?} {name}");
    }
}

fn names(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[tokio::test]
async fn directory_is_packed_sorted_and_reproducible() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("b")).unwrap();
    fs::write(directory.path().join("b/two"), vec![7; 200_000]).unwrap();
    fs::write(directory.path().join("a"), "one").unwrap();
    let first = bytes(pack(directory.path(), "top").unwrap()).await.unwrap();
    assert_eq!(names(&first), ["top", "top/a", "top/b", "top/b/two"]);
    assert_eq!(
        bytes(pack(directory.path(), "top").unwrap()).await.unwrap(),
        first
    );
}

#[test]
fn missing_source_is_an_error_before_sending() {
    let error = pack("/no/such/directory", "x").unwrap_err();
    assert!(error.to_string().contains("/no/such/directory"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn socket_fails_the_upload_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("sock")).unwrap();
    let error = bytes(pack(directory.path(), "x").unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("sock"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn names_that_are_not_utf8_are_packed() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &[u8]| directory.path().join(OsStr::from_bytes(name));
    let long = vec![0xe9; 200];
    fs::write(path(&long), "").unwrap();
    std::os::unix::fs::symlink(OsStr::from_bytes(b"./\xff//"), path(b"l\xe8")).unwrap();
    let packed = bytes(pack(directory.path(), OsStr::from_bytes(b"t\xfe")).unwrap()).await;
    let packed = packed.unwrap();
    let mut archive = tar::Archive::new(&packed[..]);
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    assert_eq!(*entries.next().unwrap().path_bytes(), *b"t\xfe");
    let link = entries.next().unwrap();
    assert_eq!(*link.path_bytes(), *b"t\xfe/l\xe8");
    assert_eq!(*link.link_name_bytes().unwrap(), *b"./\xff//");
    assert_eq!(entries.next().unwrap().path_bytes()[3..], long[..]);
}

#[cfg(unix)]
#[test]
fn deep_directory_does_not_overflow_the_stack() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("d/".repeat(600));
    fs::create_dir_all(&deep).unwrap();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.thread_stack_size(256 << 10).build().unwrap();
    let packed = runtime.block_on(bytes(pack(directory.path(), "top").unwrap()));
    assert_eq!(names(&packed.unwrap()).len(), 601);
    // `TempDir` holds a descriptor for each level.
    let mut path = deep.as_path();
    while path != directory.path() {
        fs::remove_dir(path).unwrap();
        path = path.parent().unwrap();
    }
}

#[cfg(unix)]
#[test]
fn file_that_was_replaced_by_a_link_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let (file, secret) = (directory.path().join("file"), directory.path().join("secret"));
    fs::write(&file, "x").unwrap();
    fs::write(&secret, "s3cret").unwrap();
    let metadata = fs::symlink_metadata(&file).unwrap();
    assert!(open(&file, &metadata).is_ok());
    fs::rename(&file, directory.path().join("old")).unwrap();
    std::os::unix::fs::symlink(&secret, &file).unwrap();
    let error = open(&file, &metadata).unwrap_err();
    assert!(error.to_string().contains("another file"), "{error}");
}

#[tokio::test]
async fn time_before_1970_is_in_a_pax_record() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("f");
    fs::write(&file, "x").unwrap();
    for (time, record) in [
        (FileTime::from_unix_time(-86400, 0), Some("-86400")),
        (FileTime::from_unix_time(-2, 500_000_000), Some("-2")),
        (FileTime::from_unix_time(0, 0), None),
        (FileTime::from_unix_time(1 << 33, 0), None),
    ] {
        filetime::set_file_times(&file, time, time).unwrap();
        let packed = bytes(pack(&file, "f").unwrap()).await.unwrap();
        let mut archive = tar::Archive::new(&packed[..]);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let in_header = entry.header().mtime().unwrap();
        let pax = entry.pax_extensions().unwrap().into_iter().flatten();
        let pax: Vec<_> = pax
            .map(Result::unwrap)
            .map(|record| (record.key().unwrap(), record.value().unwrap()))
            .collect();
        match record {
            Some(text) => assert_eq!((in_header, &pax[..]), (0, &[("mtime", text)][..])),
            None => assert_eq!((in_header as i64, pax.len()), (time.unix_seconds(), 0)),
        }
    }
}
