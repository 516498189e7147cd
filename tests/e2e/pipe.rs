//! Records in a pipe: standard output carries them and nothing else.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use windlass_tests::vendor::Shape;
use windlass_tests::windlass::{Project, Pull};

use crate::scene::Scene;

#[tokio::test]
async fn a_pipe_gets_one_record_a_line_and_the_summary_goes_to_standard_error() -> anyhow::Result<()>
{
    for args in [&[][..], &["--json"]] {
        let vendor = Scene::new(Shape::Okta, 2, 2).start().await;
        let project = Project::new(Pull::of(&vendor))?;
        let files = format!("{{ ndjson: {{ dir: {}/out }} }}", project.root().display());
        project.reconfigure(&files, "{ stdout: {} }")?;
        let outcome = project.run(args).await?.expect_success()?;
        let mut records = 0;
        for line in outcome.stdout.lines() {
            let record: Value = serde_json::from_str(line).context(line.to_owned())?;
            ensure!(record.get("_windlass").is_some(), "no record: {line}");
            records += 1;
        }
        ensure!(records > 0, "nothing in the pipe: {outcome:#?}");
        ensure!(
            outcome.stderr.contains("complete"),
            "no summary: {outcome:#?}"
        );
    }
    Ok(())
}
