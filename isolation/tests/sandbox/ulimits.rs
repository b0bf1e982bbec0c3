use isolation::{
    Command, Environment, EnvironmentSpec, ErrorKind, Feature, ResourceLimits, Ulimit, UlimitValue,
};

use crate::support::{
    Fixture, as_ordinary_user, as_user_with_others, has_users, printed, rustix_is_root, sh,
};

fn limited(ulimits: &[(&str, &str)]) -> EnvironmentSpec {
    let one = |(name, text): &(&str, &str)| ((*name).to_owned(), text.parse::<Ulimit>().unwrap());
    EnvironmentSpec {
        limits: ResourceLimits {
            ulimits: ulimits.iter().map(one).collect(),
            ..ResourceLimits::default()
        },
        ..EnvironmentSpec::default()
    }
}

/// The soft and the hard limits in the words of the kernel.
fn line<'a>(limits: &'a str, name: &str) -> Vec<&'a str> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().take(2).collect()
}

#[tokio::test]
async fn ulimits_hold_in_every_command() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = limited(&[
        ("core", "0"),
        ("cpu", "50:70"),
        ("fsize", "8192:16384"),
        ("nofile", "9:64"),
        ("nproc", "40:50"),
        ("stack", "1048576"),
    ]);
    let wanted = spec.limits.ulimits.clone();
    let environment = fixture.create(spec).await.unwrap();
    let hold = async |environment: &Environment| {
        let mut commands = vec![Command::shell("cat /proc/self/limits")];
        if has_users() {
            commands.push(Command::shell("cat /proc/self/limits"));
            commands[1].user = Some("4321".to_owned());
        }
        for command in commands {
            let output = environment.run(command).await.unwrap();
            let limits = output.stdout_text();
            for (name, expected) in [
                ("Max core file size", ["0", "0"]),
                ("Max cpu time", ["50", "70"]),
                ("Max file size", ["8192", "16384"]),
                ("Max open files", ["9", "64"]),
                ("Max processes", ["40", "50"]),
                ("Max stack size", ["1048576", "1048576"]),
            ] {
                assert_eq!(line(&limits, name), expected, "{name}: {output:?}");
            }
        }
    };
    hold(&environment).await;
    let limits = environment.inspect().await.unwrap().limits.unwrap();
    assert_eq!(limits.ulimits, wanted);
    // A file above the limit, and a limit above the hard one.
    for script in [
        "dd if=/dev/zero of=/tmp/large bs=1024 count=9",
        "ulimit -Sn 65",
        "ulimit -Hn 65",
        "ulimit -f unlimited",
    ] {
        assert!(!sh(&environment, script).await.exit.success(), "{script}");
    }
    assert_eq!(printed(&environment, "stat -c %s /tmp/large").await, "8192");
    // Those of a second start.
    environment.stop(std::time::Duration::ZERO).await.unwrap();
    environment.start().await.unwrap();
    hold(&environment).await;
    environment.destroy().await.unwrap();
}

#[tokio::test]
async fn processes_above_a_ulimit_are_refused() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let environment = fixture
        .create(limited(&[("nproc", "20"), ("cpu", "1")]))
        .await
        .unwrap();
    let other = fixture.create(limited(&[("nproc", "20")])).await.unwrap();
    let many = "n=0; while [ $n -lt 40 ]; do sleep 1000 </dev/null >/dev/null 2>&1 & n=$((n + 1)); done";
    let refused = sh(&environment, many).await;
    assert!(!refused.exit.success(), "{refused:?}");
    // The first process has no such limit, and another environment counts its own processes.
    for environment in [&environment, &other] {
        let output = environment.run(Command::new(["true"])).await.unwrap();
        assert!(output.exit.success(), "{output:?}");
    }
    assert_eq!(printed(&other, "echo $(echo one)").await, "one");
    let endless = sh(&environment, "while :; do :; done").await;
    assert!([137, 152].contains(&endless.exit.code), "{endless:?}");
    assert!(
        environment
            .run(Command::new(["true"]))
            .await
            .unwrap()
            .exit
            .success()
    );
    environment.destroy().await.unwrap();
    other.destroy().await.unwrap();
    assert_eq!(fixture.left(), 0);
}

#[tokio::test]
async fn ulimit_that_cannot_be_set_is_refused() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let error = fixture.create(limited(&[("data", "100")])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(error.missing()[0].feature, Feature::Ulimits, "{error}");
    assert!(error.to_string().contains("8388608"), "{error}");
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    let hard: u64 = line(&own, "Max open files")[1].parse().unwrap();
    let mut spec = limited(&[]);
    let raised = Ulimit {
        soft: UlimitValue::Limited(9),
        hard: UlimitValue::Limited(hard + 1),
    };
    spec.limits.ulimits.insert("nofile".to_owned(), raised);
    match fixture.create(spec).await {
        Ok(environment) => {
            assert!(rustix_is_root());
            let limits = printed(&environment, "cat /proc/self/limits").await;
            assert_eq!(line(&limits, "Max open files"), ["9", &(hard + 1).to_string()]);
        }
        // Without root, and where root may not raise it, as in a container.
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains("nofile"), "{error}");
        }
    }
    assert_eq!(fixture.left(), 0);
}

#[test]
fn ulimits_of_an_ordinary_user() {
    for test in [
        "ulimits::ulimits_hold_in_every_command",
        "ulimits::processes_above_a_ulimit_are_refused",
        "ulimits::ulimit_that_cannot_be_set_is_refused",
    ] {
        as_ordinary_user(test);
    }
}

#[test]
fn ulimits_of_a_user_with_others() {
    as_user_with_others("ulimits::ulimits_hold_in_every_command");
    as_user_with_others("ulimits::processes_above_a_ulimit_are_refused");
}
