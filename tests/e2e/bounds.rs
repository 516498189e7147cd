//! Records exactly on window bounds, and one millisecond beside them: each belongs to one window,
//! whatever rule the vendor follows, because neither vendor documents its rule.

use windlass_tests::timeline::Bounds;
use windlass_tests::vendor::Shape;
use windlass_tests::windlass::{Project, Pull};

use crate::scene::{Scene, check_complete};

async fn every_rule_delivers_each_record_once(shape: Shape) -> anyhow::Result<()> {
    for bounds in Bounds::ALL {
        let vendor = Scene::new(shape, 6, 3).bounds(bounds).start().await;
        let project = Project::new(Pull::of(&vendor))?;
        project.run(&[]).await?.expect_success()?;
        check_complete(&project, &vendor)
            .await
            .map_err(|error| error.context(format!("{bounds:?}")))?;
    }
    Ok(())
}

#[tokio::test]
async fn google_delivers_once_under_any_bound_rule() -> anyhow::Result<()> {
    every_rule_delivers_each_record_once(Shape::Google).await
}

#[tokio::test]
async fn okta_delivers_once_under_any_bound_rule() -> anyhow::Result<()> {
    every_rule_delivers_each_record_once(Shape::Okta).await
}
