//! One tick over all sources.

use futures_util::{StreamExt, stream};
use windlass_core::slots::GroupLimits;
use windlass_core::stalls::Spare;
use windlass_core::view::SourceView;
use windlass_state::{StateError, StateStore};

use crate::dispatch::Dispatch;
use crate::known::Known;
use crate::outbox::Outbox;
use crate::report::{SourceReport, TickReport};
use crate::tick::Tick;
use crate::visit::Visit;

/// Rate groups planned at the same time. The sources of one group are planned in sequence, because
/// they share slots.
const GROUPS_AT_ONCE: usize = 16;

impl<S: StateStore, D: Dispatch> Tick<'_, S, D> {
    /// Reads every source of its shards, plans every timeline and carries out the plans. Reports
    /// the sources that cannot be read or planned, and continues with the rest.
    ///
    /// # Errors
    /// If the shards themselves cannot be listed.
    pub async fn run(&self) -> Result<TickReport, StateError> {
        let outbox = Outbox::new(self.dispatch, self.options.tasks_per_invocation);
        let mut report = TickReport::default();
        let groups = self.read_all(&mut report).await?;
        let mut runs = stream::iter(
            groups
                .into_values()
                .map(|views| self.run_group(views, &outbox)),
        )
        .buffer_unordered(GROUPS_AT_ONCE);
        while let Some(reports) = runs.next().await {
            report.sources.extend(reports);
        }
        drop(runs);
        let invocations = outbox.close().await;
        (report.invocations, report.refused) = (invocations.accepted, invocations.refused);
        report.sources.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(report)
    }

    async fn run_group(&self, views: Vec<SourceView>, outbox: &Outbox<'_, D>) -> Vec<SourceReport> {
        let policies = views.iter().map(|view| &view.record.definition.policy);
        let mut visit = Visit {
            limits: GroupLimits::of(policies, self.options.share_request_rate),
            views,
            others_in_flight: 0,
            allowance: usize::MAX,
            spare: Spare::of(usize::MAX),
            cooldown: None,
            known: Known::AtRest,
        };
        self.visit(&mut visit, outbox).await
    }
}
