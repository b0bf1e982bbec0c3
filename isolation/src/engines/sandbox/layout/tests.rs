//! Tests of the files of a root.

use super::*;

#[test]
fn hosts_have_the_given_names() {
    let network = NetworkSpec {
        hosts: [("db".to_owned(), IpAddr::from([10, 0, 0, 7]))].into(),
        ..NetworkSpec::default()
    };
    let text = hosts("box", &network);
    assert_eq!(text, "127.0.0.1\tlocalhost box\n::1\tlocalhost\n10.0.0.7\tdb\n");
}

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
