//! Sources: definitions and pauses by operators, and blocks by workers.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Delete, ReturnValue, TransactWriteItem};
use windlass_core::ids::SourceName;
use windlass_core::shard::Shard;
use windlass_core::source::{BlockChange, SourceDefinition, SourceRecord};
use windlass_core::time::Timestamp;

use super::DynamoStore;
use super::attributes::{Item, PK, SK, item, number_in, read, text_in};
use super::conditions;
use super::errors::Failed;
use super::expression::{Changes, Placeholders};
use super::reads::{Consistency, Range};
use super::writes::{ACTIONS_MAX, Update, not_built};
use crate::apply::{applied, check};
use crate::error::StateError;
use crate::item::{Key, Stored};

/// Attempts at applying a definition after concurrent changes of the source.
const APPLY_TRIES_MAX: u32 = 8;
/// The attributes that two operators may change at the same time: the definition's version and the
/// pause.
const APPLIED: [&str; 2] = ["version", "held_since"];

/// The present items of a source.
struct Stand {
    /// The items by shard; more than one only after a manual edit of the table.
    items: BTreeMap<Shard, Item>,
    /// The shard of the highest version.
    latest: Option<Shard>,
}

impl DynamoStore {
    /// Reads the present items and replaces them, in one request unless the source changes its
    /// shard. Each step may be repeated after a stop: marking a shard as used is idempotent, and
    /// the replacement happens whole or not at all.
    pub(super) async fn apply(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> Result<SourceRecord, StateError> {
        check(definition)?;
        let (name, home) = (&definition.name, definition.shard());
        for tries in 1..=APPLY_TRIES_MAX {
            let mut shards = self.table.shards(Consistency::Consistent).await?;
            if !shards.contains(&home) {
                // Before the source: on a shard that no tick reads, it would never be planned.
                self.table.use_shard(home).await?;
                shards.push(home);
            }
            let stand = self.stand(name, &shards).await?;
            let record = stand.replaced_by(definition, now)?;
            let elsewhere = stand.items.keys().any(|shard| *shard != home);
            let written = if elsewhere {
                self.bring_home(&record, &stand).await
            } else {
                let mut p = Placeholders::default();
                let condition = conditions::is_unchanged(&mut p, stand.items.get(&home), &APPLIED);
                let new = item(&Key::source(home, name), record.to_attributes());
                self.table.put(new, condition, p).await
            };
            match written {
                Ok(()) => return Ok(record),
                Err(Failed::State(error)) => return Err(error),
                Err(Failed::Condition(_)) => self.table.pause(tries).await,
            }
        }
        let busy = format!("source {name}: each of several writes lost to another process");
        Err(StateError::Unavailable(busy))
    }

    /// The source `name`, in one request over the shards in use.
    pub(super) async fn find(&self, name: &SourceName) -> Result<Option<SourceRecord>, StateError> {
        let shards = self.table.shards(Consistency::Eventual).await?;
        let Stand { mut items, latest } = self.stand(name, &shards).await?;
        let item = latest.and_then(|shard| items.remove(&shard));
        item.map(read).transpose()
    }

    async fn stand(&self, name: &SourceName, shards: &[Shard]) -> Result<Stand, StateError> {
        let keys: Vec<_> = shards.iter().map(|at| Key::source(*at, name)).collect();
        let mut items = BTreeMap::new();
        for item in self.table.batch_get(&keys).await? {
            let at = shards
                .iter()
                .find(|at| text_in(&item, PK) == Some(&Key::sources(**at)));
            items.extend(at.map(|at| (*at, item)));
        }
        let latest = items
            .iter()
            .max_by_key(|(_, item)| number_in(item, "version"))
            .map(|(at, _)| *at);
        Ok(Stand { items, latest })
    }

    /// Stores `record` on its shard and removes the source from every other one, with the marks of
    /// its timelines, in one transaction.
    ///
    /// A tick that plans it on the old shard finds its marks gone and stops before it acts, and no
    /// tick reads the source without them. Marks that an older move left on the new shard are
    /// overwritten.
    async fn bring_home(&self, record: &SourceRecord, stand: &Stand) -> Result<(), Failed> {
        let (name, home) = (&record.definition.name, record.shard());
        let mut p = Placeholders::default();
        let condition = conditions::is_unchanged(&mut p, stand.items.get(&home), &APPLIED);
        let new = item(&Key::source(home, name), record.to_attributes());
        let mut actions = vec![self.table.putting(new, Some((condition, p)))?];
        for (at, old) in stand.items.iter().filter(|(at, _)| **at != home) {
            let key = Key::source(*at, name);
            actions.push(self.deleting(&key, old, &APPLIED)?);
        }
        if let Some(from) = stand.latest.filter(|from| *from != home) {
            let room = (ACTIONS_MAX - actions.len()) / 2;
            for old in self.marks(record, stand, from, room).await? {
                let key = Key {
                    pk: Key::progress_items(from),
                    sk: text_in(&old, SK).unwrap_or_default().to_owned(),
                };
                actions.push(self.deleting(&key, &old, &["version"])?);
                let mut new = old;
                let pk = Key::progress_items(home);
                new.insert(PK.to_owned(), super::attributes::to_value(pk.into()));
                actions.push(self.table.putting(new, None)?);
            }
        }
        self.table
            .transact(&format!("source {name}"), actions)
            .await
    }

    /// The marks of the source on shard `from`, at most `room` items. Generations that no tick
    /// plans any more come last: without their marks, only the history of older definitions loses
    /// its list of lanes.
    async fn marks(
        &self,
        record: &SourceRecord,
        stand: &Stand,
        from: Shard,
        room: usize,
    ) -> Result<Vec<Item>, StateError> {
        let name = &record.definition.name;
        let range = Range::Prefix(Key::progress_prefix(name));
        let partition = Key::progress_items(from);
        let marks = self
            .table
            .query(&partition, range, Consistency::Consistent, usize::MAX);
        let planned_there = stand
            .items
            .get(&from)
            .and_then(|it| text_in(it, "generation"));
        let planned_here = record.definition.generation.as_str();
        let is_planned = |item: &Item| {
            let generation = text_in(item, "generation");
            generation == planned_there || generation == Some(planned_here)
        };
        let (mut planned, rest): (Vec<_>, Vec<_>) = marks.await?.into_iter().partition(is_planned);
        if planned.len() > room {
            return Err(StateError::Refused(format!(
                "source {name} has {} lanes, and at most {room} can move to another shard; keep \
                 its rate group",
                planned.len()
            )));
        }
        planned.extend(rest);
        planned.truncate(room);
        Ok(planned)
    }

    /// The deletion of `old`, on condition that it still has the values read in `names`.
    fn deleting(
        &self,
        key: &Key,
        old: &Item,
        names: &[&str],
    ) -> Result<TransactWriteItem, StateError> {
        let mut p = Placeholders::default();
        let condition = conditions::is_unchanged(&mut p, Some(old), names);
        let delete = Delete::builder()
            .table_name(&self.table.name)
            .set_key(Some(super::attributes::key_item(key)))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(p.names))
            .set_expression_attribute_values((!p.values.is_empty()).then_some(p.values))
            .build()
            .map_err(|error| not_built(&error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    pub(super) async fn block(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> Result<bool, StateError> {
        let (mut p, mut changes) = (Placeholders::default(), Changes::default());
        let mut condition = conditions::is_applied_at(&mut p, version);
        match change {
            BlockChange::Block(blocked) => {
                changes.set("blocked", blocked.reason.as_str(), &mut p);
                changes.set_first("blocked_since", blocked.since.to_string(), &mut p);
                changes.set("probe_at", blocked.probe_at.to_string(), &mut p);
            }
            BlockChange::Probe { seen, probed } => {
                let free = conditions::has_free_probe(&mut p, seen);
                condition = format!("{condition} AND {free}");
                changes.set("probe_at", probed.probe_at.to_string(), &mut p);
            }
            BlockChange::Clear => {
                for attribute in ["blocked", "blocked_since", "probe_at"] {
                    changes.remove(attribute, &mut p);
                }
            }
        }
        let key = Key::source(shard, name);
        self.change_if(key, changes, condition, p).await
    }

    pub(super) async fn hold(
        &self,
        shard: Shard,
        name: &SourceName,
        held_since: Option<Timestamp>,
    ) -> Result<(), StateError> {
        let (mut p, mut changes) = (Placeholders::default(), Changes::default());
        match held_since {
            // The first instant stays until it is cleared.
            Some(since) => changes.set_first("held_since", since.to_string(), &mut p),
            None => changes.remove("held_since", &mut p),
        }
        let condition = conditions::exists(&mut p);
        let key = Key::source(shard, name);
        self.change_if(key, changes, condition, p).await.map(drop)
    }

    /// Applies `changes` if `condition` holds, and returns whether it did.
    async fn change_if(
        &self,
        key: Key,
        changes: Changes,
        condition: String,
        placeholders: Placeholders,
    ) -> Result<bool, StateError> {
        let update = Update {
            key,
            change: changes.into_expression(),
            condition,
            placeholders,
        };
        match self.table.update(update, ReturnValue::None).await {
            Ok(_) => Ok(true),
            Err(Failed::Condition(_)) => Ok(false),
            Err(Failed::State(error)) => Err(error),
        }
    }
}

impl Stand {
    /// The record after `definition` is applied over the stored one. A new definition replaces a
    /// corrupt one, but not one of a newer windlass.
    fn replaced_by(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> Result<SourceRecord, StateError> {
        let latest = self.latest.and_then(|at| self.items.get(&at));
        let stored = match latest.map(|item| read::<SourceRecord>(item.clone())) {
            Some(Err(error @ StateError::Version { .. })) => return Err(error),
            Some(Ok(record)) => Some(record),
            Some(Err(_)) | None => None,
        };
        let mut record = applied(definition, stored.as_ref(), now);
        if let (None, Some(corrupt)) = (stored, latest) {
            record.version = number_in(corrupt, "version").unwrap_or(0).saturating_add(1);
            record.held_since = text_in(corrupt, "held_since").and_then(|at| at.parse().ok());
        }
        Ok(record)
    }
}
