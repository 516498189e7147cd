//! Problems for the operator: rejected credentials, invalid definitions.

use windlass_core::Status;
use windlass_core::source::SourceDefinition;
use windlass_core::task::TASK_VERSION;
use windlass_state::StateStore as _;

use super::fake_vendor::{all, response, well};
use super::harness::{Bench, definition};
use crate::{AdapterError, Deadline, Outcome, Report};

#[tokio::test]
async fn denied_permission_blocks_source_and_keeps_cursor() {
    let bench = Bench::new(|asked| match asked.number {
        2 => Ok(response(403, &[], r#"{"error":{"message":"no scope"}}"#)),
        _ => well(asked.page, 3),
    })
    .await;
    let outcome = bench.run().await;
    assert!(
        matches!(&outcome, Outcome::Blocked { why } if why.contains("no scope")),
        "{outcome:?}"
    );
    let window = bench.window().await;
    assert_eq!(
        (window.status(), window.page(), window.attempts()),
        (Status::Ready, 1, 0)
    );
    assert_eq!(window.cursor().unwrap().token, "p1");
    let blocked = bench.source().await.blocked.unwrap();
    assert!(blocked.reason.contains("403") && blocked.reason.contains("no scope"));

    let again = bench.run_when_due().await;
    assert!(matches!(again, Outcome::Yielded { .. }), "{again:?}");
    assert_eq!(bench.asked().len(), 2);

    bench.mend().await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!((bench.output(), bench.written()), (all(3), all(3)));
}

#[tokio::test]
async fn rejected_credentials_block_source() {
    let bench = Bench::new(|_| Ok(response(401, &[], "{}"))).await;
    assert!(matches!(bench.run().await, Outcome::Blocked { .. }));
    assert_eq!(
        (bench.asked().len(), bench.window().await.attempts()),
        (1, 0)
    );
}

#[tokio::test]
async fn source_without_client_is_blocked_with_reason() {
    let mut bench = Bench::new(|asked| well(asked.page, 1)).await;
    let problem = "the secret env:KEY is not set; set it".to_owned();
    bench.factory.problem = Some(AdapterError::Refused(problem));
    assert!(matches!(bench.run().await, Outcome::Blocked { .. }));
    let blocked = bench.source().await.blocked.unwrap();
    assert_eq!(blocked.reason, "the secret env:KEY is not set; set it");
    assert_eq!(bench.window().await.status(), Status::Ready);
}

#[tokio::test]
async fn redefined_or_paused_source_releases_window_untouched() {
    let redefined = SourceDefinition {
        generation: "ba9876543210".parse().unwrap(),
        ..definition()
    };
    let paused = SourceDefinition {
        paused: true,
        ..definition()
    };
    for (changed, why) in [(redefined, "new definition"), (paused, "paused or blocked")] {
        let bench = Bench::new(|asked| well(asked.page, 1)).await;
        bench
            .store
            .apply_source(&changed, bench.id.from)
            .await
            .unwrap();
        let outcome = bench.run().await;
        assert!(
            matches!(&outcome, Outcome::Yielded { why: said, .. } if said.contains(why)),
            "{outcome:?}"
        );
        let window = bench.window().await;
        assert_eq!((window.status(), window.attempts()), (Status::Ready, 0));
        assert!(bench.asked().is_empty());
    }
}

#[tokio::test]
async fn new_definition_is_not_blocked_for_old_one() {
    let bench = Bench::new(|_| Ok(response(403, &[], "{}"))).await;
    let (store, now) = (bench.store.clone(), bench.id.from);
    let worker = bench.worker_with(move |operation, _| {
        use futures_util::FutureExt as _;
        if operation == windlass_state::failing::Operation::BlockSource {
            let definition = definition();
            let applied = store.apply_source(&definition, now).now_or_never();
            applied.expect("memory responds at once").unwrap();
        }
        windlass_state::failing::Fault::None
    });
    worker.run(&bench.task().await, Deadline::NONE).await;
    assert_eq!(bench.source().await.blocked, None);
    assert_eq!(bench.window().await.status(), Status::Ready);
}

#[tokio::test]
async fn task_of_other_version_is_ignored() {
    let bench = Bench::new(|asked| well(asked.page, 1)).await;
    let mut task = bench.task().await;
    task.version = TASK_VERSION + 1;
    let worker = bench.worker(bench.store.clone());
    assert_eq!(worker.run(&task, Deadline::NONE).await, Report::default());
    assert_eq!(bench.window().await.epoch(), 1);
}
