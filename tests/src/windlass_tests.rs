use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::timeline::{Timeline, TimelineSpec, recent_span};
use crate::vendor::{ACCESS_TOKEN_PREFIX, OKTA_TOKEN, Settings, Shape};

fn shell(script: &str, dir: &Path) -> Running {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Running::start(command, &dir.join("process")).unwrap()
}

async fn vendor(shape: Shape) -> Vendor {
    let spec = TimelineSpec {
        seed: 1,
        span: recent_span(600_000),
        events: 50,
        record_bytes: 300,
    };
    Vendor::start(Settings::new(shape, 10), Timeline::generate(&spec)).await
}

#[tokio::test]
async fn outcome_has_code_and_both_outputs() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = shell("echo out; echo err >&2; exit 3", dir.path())
        .finish()
        .await
        .unwrap();
    assert_eq!((outcome.code, outcome.signal), (Some(3), None));
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("out\n", "err\n")
    );
    assert!(outcome.clone().expect_success().is_err());
    assert!(outcome.clone().expect_failure(3, &["ERR", "out"]).is_ok());
    assert!(outcome.clone().expect_failure(3, &["disk"]).is_err());
    assert!(outcome.expect_failure(4, &[]).is_err());
}

#[tokio::test]
async fn process_ended_by_signal_has_no_code() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = shell("kill -SEGV $$", dir.path()).finish().await.unwrap();
    assert_eq!((outcome.code, outcome.signal), (None, Some(11)));
    assert!(outcome.expect_success().is_err());
}

/// Makes `vendor` serve one page.
async fn fetch(vendor: &Vendor) {
    let query = "since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z";
    let request = format!(
        "GET /api/v1/logs?{query} HTTP/1.1\r\nHost: x\r\nAuthorization: SSWS {OKTA_TOKEN}\r\n\
         Connection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(vendor.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn process_is_killed_after_page_count() {
    let dir = tempfile::tempdir().unwrap();
    let vendor = vendor(Shape::Okta).await;
    fetch(&vendor).await;
    let running = shell("exec sleep 1000", dir.path());
    let mut kill = Box::pin(running.kill(
        &vendor,
        KillAt {
            pages: 2,
            then_ms: 0,
        },
    ));
    for served in 2..=3 {
        assert!(is_pending(&mut kill).await, "killed before page {served}");
        fetch(&vendor).await;
    }
    assert!(matches!(kill.await.unwrap(), Ended::Killed));
}

/// Returns true if `future` is still pending after one chance to proceed.
async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    tokio::select! {
        biased;
        _ = future => false,
        () = tokio::task::yield_now() => true,
    }
}

#[tokio::test]
async fn process_that_ends_early_is_not_killed() {
    let dir = tempfile::tempdir().unwrap();
    let vendor = vendor(Shape::Okta).await;
    let running = shell("exit 0", dir.path());
    let ended = running
        .kill(
            &vendor,
            KillAt {
                pages: 1,
                then_ms: 0,
            },
        )
        .await
        .unwrap();
    assert!(matches!(ended, Ended::Finished(outcome) if outcome.is_success()));
}

#[tokio::test]
async fn configuration_names_secret_without_value() {
    for shape in Shape::ALL {
        let vendor = vendor(shape).await;
        let project = Project::new(Pull::of(&vendor)).unwrap();
        let yaml = fs::read_to_string(project.config()).unwrap();
        assert!(
            yaml.contains(&format!("base_url: {}\n", vendor.uri())),
            "{yaml}"
        );
        assert!(yaml.contains(shape.connector()) && yaml.contains("secret: "));
        for canary in [OKTA_TOKEN, "PRIVATE KEY"] {
            assert!(!yaml.contains(canary));
        }
        assert!(project.reconfigure("no such text", "x").is_err());
        project
            .reconfigure("max_in_flight: 4", "max_in_flight: 1")
            .unwrap();
        assert_eq!(
            project.files_with("max_in_flight: 1").unwrap(),
            [project.config()]
        );
    }
}

#[tokio::test]
async fn secret_in_other_file_is_a_leak() {
    let vendor = vendor(Shape::Google).await;
    let project = Project::new(Pull::of(&vendor)).unwrap();
    project.check_secrets().unwrap();
    for (number, secret) in [OKTA_TOKEN, ACCESS_TOKEN_PREFIX].into_iter().enumerate() {
        let name = format!("leak-{number}");
        project.write(&name, &format!("...{secret}...")).unwrap();
        let leak = project.check_secrets().unwrap_err().to_string();
        assert!(leak.contains(&name) && !leak.contains(secret), "{leak}");
        fs::remove_file(project.root().join(name)).unwrap();
    }
}
