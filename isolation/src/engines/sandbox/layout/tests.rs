//! Tests of the files of a root.

use super::*;

#[test]
fn file_that_this_machine_lacks_is_not_copied() {
    let base = tempfile::tempdir().unwrap();
    let id = crate::environment::id::EnvironmentId::random();
    let directory = Directory::create("sandbox", base.path(), &id).unwrap();
    let layout = Layout::of(&directory, Identity::Caller);
    fs::create_dir_all(layout.root().join("etc")).unwrap();
    layout.copy_of_host("no-such-file-here").unwrap();
    layout.copy_of_host("passwd").unwrap();
    let etc = layout.root().join("etc");
    assert!(etc.join("passwd").exists() && !etc.join("no-such-file-here").exists());
}

#[test]
fn root_of_an_image_keeps_its_own_files() {
    let (own, with_image) = (made(false), made(true));
    assert!(with_image.iter().all(|path| own.contains(path)));
    assert_eq!(with_image, ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"]);
    assert!(own.iter().any(|path| path == "/etc/passwd"), "{own:?}");
}
