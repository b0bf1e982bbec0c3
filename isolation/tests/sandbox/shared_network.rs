//! Members of a network that fail, end or leave it, and the network of another environment.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::time::Duration;

use isolation::engines::sandbox::SandboxOptions;
use isolation::{Command, EngineChoice, EnvironmentSpec, ErrorKind, GroupSpec, NetworkMode, WaitFor};

use crate::group_network::{LONG, NETWORK, answer, fixture, service, serving, up};
use crate::owner::{Owner, manager_of_owner};
use crate::support::{Fixture, as_ordinary_user, base, printed, rustix_is_root};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn network_of_another_environment_is_shared() {
    let Some(fixture) = fixture().await else {
        return;
    };
    let main = fixture.create(serving(7000, "first")).await.unwrap();
    let of_main = |own: EnvironmentSpec| {
        let mut spec = own;
        spec.network.mode = NetworkMode::Environment(main.id().to_string());
        spec
    };
    let beside = fixture.create(of_main(EnvironmentSpec::default())).await.unwrap();
    assert_eq!(answer(&beside, "127.0.0.1", 7000).await, "first");
    let details = beside.inspect().await.unwrap().details;
    assert_eq!(
        details["network"],
        format!("that of the environment {}", main.id())
    );
    let taken = fixture
        .create(of_main(serving(7000, "second")))
        .await
        .unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Conflict, "{taken}");
    // A restart of the other one does not end this one.
    printed(&beside, "sleep 100000 >/dev/null 2>&1 & echo $! >/tmp/pid").await;
    let network = printed(&beside, NETWORK).await;
    main.stop(Duration::ZERO).await.unwrap();
    main.start().await.unwrap();
    main.wait_until(&WaitFor::Port(7000), LONG).await.unwrap();
    assert_eq!(printed(&beside, NETWORK).await, network);
    assert_eq!(answer(&beside, "127.0.0.1", 7000).await, "first");
    printed(&beside, "kill -0 $(cat /tmp/pid)").await;
    // It lasts without the other one, but no other environment can get it any more.
    let third = of_main(EnvironmentSpec::default());
    main.destroy().await.unwrap();
    let error = fixture.create(third).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(printed(&beside, NETWORK).await, network);
    beside.destroy().await.unwrap();
    let mut host = EnvironmentSpec::default();
    SandboxOptions { host_network: true }.add_to(&mut host);
    let host = fixture.create(host).await.unwrap();
    let mut spec = EnvironmentSpec::default();
    spec.network.mode = NetworkMode::Environment(host.id().to_string());
    let error = fixture.create(spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("host_network"), "{error}");
    host.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0, "something is left");
}

#[test]
fn network_of_another_one_as_an_ordinary_user() {
    as_ordinary_user("shared_network::network_of_another_environment_is_shared");
}

#[tokio::test]
async fn service_with_other_users_is_refused() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = GroupSpec {
        name: "changed".into(),
        services: ["one", "two"]
            .map(|name| (name.to_owned(), service(EnvironmentSpec::default())))
            .into(),
        ..GroupSpec::default()
    };
    let group = up(&fixture, spec).await.unwrap();
    let [one, two] = ["one", "two"].map(|name| group.get(name).unwrap());
    two.stop(Duration::ZERO).await.unwrap();
    // As if other users had been free at its creation.
    let directory = one.inspect().await.unwrap().details["directory"].clone();
    let (users, group_of) = (Path::new(&directory).join("users"), Path::new(&directory));
    let before = fs::metadata(group_of).unwrap().gid();
    match rustix_is_root() {
        true => chown(group_of, None, Some(4_000_000)).unwrap(),
        false => fs::write(&users, "4000000").unwrap(),
    }
    let error = two.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let text = error.to_string();
    assert!(text.contains("changed/one, which has the same network"), "{text}");
    match rustix_is_root() {
        true => chown(group_of, None, Some(before)).unwrap(),
        false => fs::remove_file(&users).unwrap(),
    }
    two.start().await.unwrap();
    assert_eq!(printed(two, NETWORK).await, printed(one, NETWORK).await);
    group.down(Duration::ZERO).await.unwrap();
    assert_eq!(fixture.left(), 0, "something is left");
}

#[test]
fn service_with_other_users_of_an_ordinary_user() {
    as_ordinary_user("shared_network::service_with_other_users_is_refused");
}

#[tokio::test]
async fn fork_of_a_service_has_its_own_network() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut client = EnvironmentSpec::default();
    client.network.ports = vec![80.into()];
    let spec = GroupSpec {
        name: "one".into(),
        services: [("client".to_owned(), service(client))].into(),
        ..GroupSpec::default()
    };
    let group = up(&fixture, spec).await.unwrap();
    let client = group.get("client").unwrap();
    let forks = fixture.manager.fork(client, 1, Default::default()).await.unwrap();
    assert_ne!(printed(&forks[0], NETWORK).await, printed(client, NETWORK).await);
    drop(forks);
    group.down(Duration::ZERO).await.unwrap();
    assert_eq!(fixture.left(), 0, "something is left");
}

/// Not a test: starts a group, prints a line, and waits to be killed.
#[tokio::test]
async fn helper_owner_of_a_group() {
    let Some(manager) = manager_of_owner() else {
        return;
    };
    let spec = GroupSpec {
        name: "owned".into(),
        services: ["a", "b", "c"]
            .map(|name| (name.to_owned(), service(EnvironmentSpec::default())))
            .into(),
        ..GroupSpec::default()
    };
    let group = manager.up(&EngineChoice::Auto, spec).await.unwrap();
    let environment = group.get("b").unwrap();
    eprintln!("{}", printed(environment, "echo ready").await);
    environment.run(Command::new(["sleep", "100000"])).await.unwrap();
}

#[tokio::test]
async fn killed_owner_of_a_group_leaves_no_process() {
    if Fixture::new().await.is_none() {
        return;
    }
    let (base, state) = (base(), tempfile::tempdir().unwrap());
    let owner = Owner {
        test: "shared_network::helper_owner_of_a_group",
        base: base.path(),
        state: state.path(),
    };
    owner.is_killed((0..10).map(|round| Duration::from_millis(round * 10)));
}

#[test]
fn killed_ordinary_owner_of_a_group_does_so_too() {
    as_ordinary_user("shared_network::killed_owner_of_a_group_leaves_no_process");
}
