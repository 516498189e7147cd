//! Folders of files are days: a query of one day finds all of its records.

use anyhow::{Context, ensure};
use serde_json::Value;
use windlass_tests::vendor::Shape;
use windlass_tests::windlass::{Project, Pull};

use crate::scene::{Scene, check_complete};

#[tokio::test]
async fn six_hour_windows_keep_records_in_day_folders() -> anyhow::Result<()> {
    // A span of 25 hours always contains a midnight.
    let vendor = Scene::new(Shape::Google, 150, 2).start().await;
    let project = Project::new(Pull {
        window: "6h".to_owned(),
        ..Pull::of(&vendor)
    })?;
    project.run(&[]).await?.expect_success()?;
    check_complete(&project, &vendor).await?;
    let mut days = Vec::new();
    for (path, bytes) in project.files_of_output()? {
        let folder = path.parent().and_then(|it| it.file_name());
        let Some(day) = folder.and_then(|it| it.to_str()) else {
            continue;
        };
        if path.extension().is_none_or(|it| it != "ndjson") {
            continue;
        }
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|it| !it.is_empty())
        {
            let record: Value = serde_json::from_slice(line)?;
            let time = record["_windlass"]["time"].as_str();
            let time = time.context("a record without a time")?;
            ensure!(time.starts_with(day), "{time} lies in {}", path.display());
        }
        days.push(day.to_owned());
    }
    days.sort();
    days.dedup();
    ensure!(days.len() >= 2, "only {days:?}");
    Ok(())
}
