//! Between the parts of a state and their messages.

use super::DecodeError;
use super::messages::{
    AnswersWire, CategoryWire, ChannelWire, DistinctWire, LadderWire, LevelWire, RecentOrdersWire,
};
use crate::ladder::{Entry, LEVELS, Ladder, NO_FLOOR};
use crate::sketch::{Distinct, RecentOrders};
use crate::state::NEVER;
use crate::tally::{ByName, Category, Channel, TopCategories};

pub(super) fn write_day(day: i32) -> u32 {
    u32::try_from(day).map_or(0, |day| day + 1)
}

pub(super) fn read_day(stored: u32) -> i32 {
    stored
        .checked_sub(1)
        .and_then(|day| i32::try_from(day).ok())
        .unwrap_or(NEVER)
}

pub(super) fn trimmed(counts: &[u64]) -> Vec<u64> {
    let end = counts
        .iter()
        .rposition(|count| *count != 0)
        .map_or(0, |last| last + 1);
    counts[..end].to_vec()
}

pub(super) fn trimmed_days(days: &[i32]) -> Vec<u32> {
    match days.iter().all(|day| *day == NEVER) {
        true => Vec::new(),
        false => days.iter().map(|day| write_day(*day)).collect(),
    }
}

pub(super) fn padded<const N: usize>(counts: &[u64]) -> [u64; N] {
    let mut all = [0; N];
    all.iter_mut()
        .zip(counts)
        .for_each(|(mine, stored)| *mine = *stored);
    all
}

pub(super) fn write_ladder<const COLUMNS: i32>(ladder: &Ladder<COLUMNS>) -> Option<LadderWire> {
    if ladder.levels.iter().all(Vec::is_empty) && ladder.floors == [NO_FLOOR; LEVELS - 1] {
        return None;
    }
    Some(LadderWire {
        floors: if ladder.floors == [NO_FLOOR; LEVELS - 1] {
            Vec::new()
        } else {
            ladder.floors.to_vec()
        },
        levels: ladder
            .levels
            .iter()
            .map(|level| write_level(level))
            .collect(),
    })
}

pub(super) fn write_level(entries: &[Entry]) -> LevelWire {
    let mut before = 0;
    LevelWire {
        steps: entries
            .iter()
            .map(|entry| (entry.0 - std::mem::replace(&mut before, entry.0)) as u32)
            .collect(),
        amounts: entries.iter().map(|entry| entry.1).collect(),
    }
}

pub(super) fn read_ladder<const COLUMNS: i32>(
    wire: Option<LadderWire>,
) -> Result<Ladder<COLUMNS>, DecodeError> {
    let mut ladder = Ladder::default();
    let Some(wire) = wire else { return Ok(ladder) };
    if !wire.floors.is_empty() {
        ladder.floors = wire
            .floors
            .try_into()
            .map_err(|_| DecodeError::Damaged("floors"))?;
    }
    if wire.levels.len() > LEVELS {
        return Err(DecodeError::Damaged("levels"));
    }
    for (level, wire) in ladder.levels.iter_mut().zip(wire.levels) {
        *level = read_level(wire)?;
    }
    Ok(ladder)
}

pub(super) fn read_level(wire: LevelWire) -> Result<Vec<Entry>, DecodeError> {
    if wire.steps.len() != wire.amounts.len() {
        return Err(DecodeError::Damaged("amounts"));
    }
    let mut key = 0_i32;
    let mut entries = Vec::with_capacity(wire.steps.len());
    for (at, (step, amount)) in wire.steps.iter().zip(wire.amounts).enumerate() {
        let step = i32::try_from(*step)
            .ok()
            .filter(|step| at == 0 || *step > 0);
        key = step
            .and_then(|step| key.checked_add(step))
            .ok_or(DecodeError::Damaged("keys"))?;
        entries.push((key, amount));
    }
    Ok(entries)
}

pub(super) fn write_distinct<const MOST: usize>(distinct: &Distinct<MOST>) -> Option<DistinctWire> {
    let mut before = 0;
    (!distinct.hashes.is_empty()).then(|| DistinctWire {
        steps: distinct
            .hashes
            .iter()
            .map(|hash| hash - std::mem::replace(&mut before, *hash))
            .collect(),
        over: distinct.over,
    })
}

pub(super) fn read_distinct<const MOST: usize>(
    wire: Option<DistinctWire>,
) -> Result<Distinct<MOST>, DecodeError> {
    let Some(wire) = wire else {
        return Ok(Distinct::default());
    };
    let mut hash = 0_u32;
    let mut hashes = Vec::with_capacity(wire.steps.len());
    for (at, step) in wire.steps.iter().enumerate() {
        if at > 0 && *step == 0 {
            return Err(DecodeError::Damaged("hashes"));
        }
        hash = hash
            .checked_add(*step)
            .ok_or(DecodeError::Damaged("hashes"))?;
        hashes.push(hash);
    }
    if hashes.len() > MOST {
        return Err(DecodeError::Damaged("too many hashes"));
    }
    Ok(Distinct {
        hashes,
        over: wire.over,
    })
}

pub(super) fn write_recent(recent: &RecentOrders) -> Option<RecentOrdersWire> {
    if *recent == RecentOrders::default() {
        return None;
    }
    let mut before = recent.floor;
    Some(RecentOrdersWire {
        floor: recent.floor,
        steps: recent
            .orders
            .iter()
            .map(|it| (it.0 - std::mem::replace(&mut before, it.0)) as u32)
            .collect(),
        hashes: recent.orders.iter().map(|it| it.1).collect(),
    })
}

pub(super) fn read_recent(wire: Option<RecentOrdersWire>) -> Result<RecentOrders, DecodeError> {
    let Some(wire) = wire else {
        return Ok(RecentOrders::default());
    };
    if wire.steps.len() != wire.hashes.len() {
        return Err(DecodeError::Damaged("recent orders"));
    }
    let mut day = wire.floor;
    let mut orders = Vec::with_capacity(wire.steps.len());
    for (step, hash) in wire.steps.iter().zip(wire.hashes) {
        let step = i32::try_from(*step).ok();
        day = step
            .and_then(|step| day.checked_add(step))
            .ok_or(DecodeError::Damaged("recent orders"))?;
        orders.push((day, hash));
    }
    if !orders.is_sorted_by(|left, right| left < right) {
        return Err(DecodeError::Damaged("recent orders"));
    }
    Ok(RecentOrders {
        floor: wire.floor,
        orders,
    })
}

pub(super) fn write_channel(name: &str, it: &Channel) -> ChannelWire {
    let Channel {
        sent,
        opened,
        clicked,
        purchases,
        last_day,
    } = *it;
    ChannelWire {
        name: name.to_owned(),
        sent,
        opened,
        clicked,
        purchases,
        last_day: write_day(last_day),
    }
}

pub(super) fn read_channels<const MOST: usize>(
    named: Vec<ChannelWire>,
    rest: Option<ChannelWire>,
) -> ByName<Channel, MOST> {
    let read = |it: &ChannelWire| Channel {
        sent: it.sent,
        opened: it.opened,
        clicked: it.clicked,
        purchases: it.purchases,
        last_day: read_day(it.last_day),
    };
    ByName {
        rest: rest.as_ref().map(read),
        named: named
            .into_iter()
            .map(|it| (it.name.clone(), read(&it)))
            .collect(),
    }
}

pub(super) fn write_category(name: &str, it: &Category) -> CategoryWire {
    let Category {
        lines,
        views,
        value_minor,
        last_day,
    } = *it;
    CategoryWire {
        name: name.to_owned(),
        lines,
        views,
        value_minor,
        last_day: write_day(last_day),
    }
}

pub(super) fn read_categories(named: Vec<CategoryWire>, dropped: bool) -> TopCategories {
    let read = |it: CategoryWire| {
        let last_day = read_day(it.last_day);
        (
            it.name,
            Category {
                lines: it.lines,
                views: it.views,
                value_minor: it.value_minor,
                last_day,
            },
        )
    };
    TopCategories {
        named: named.into_iter().map(read).collect(),
        dropped,
    }
}

pub(super) fn write_answers(
    counts: &[u64],
    sum: i64,
    latest: Option<(i64, i64)>,
) -> Option<AnswersWire> {
    let counts = trimmed(counts);
    (!counts.is_empty()).then(|| AnswersWire {
        counts,
        sum,
        latest_ms: latest.map(|it| it.0),
        latest: latest.map_or(0, |it| it.1),
    })
}
