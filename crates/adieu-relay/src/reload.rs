//! Changes the settings of a running service. No connection ends because of it, and the socket of a relay that stays never stops
//! listening.

use crate::config::{RelayConfig, RelayError};
use crate::event::RelayEvent;
use crate::service::Handle;
use crate::shared::{Serving, Slot};
use crate::upstream::Itself;
use std::sync::Arc;

/// What a reload has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// How many relays listen where they did, with their new settings.
    pub kept: usize,
    /// How many listen from now on.
    pub added: usize,
    /// How many listen no more. The connections that they have go on.
    pub removed: usize,
}

impl Handle {
    /// Goes on with these relays in the place of those that there are.
    ///
    /// A relay that is to listen on the same endpoint, as it is written, keeps its socket: it is never closed, so no client is
    /// refused, and what was asked of the socket itself stays as it was. Its next client is served with the new settings. What is
    /// known of an upstream stays known, and those who are inside count for the new bounds. Connections that are open go on with
    /// the settings that they began with.
    ///
    /// A relay that is not named any more listens no more, after it has taken those whose connections the kernel has made. New
    /// ones are bound first, so an address cannot go from one relay to another that is written otherwise.
    ///
    /// After a [shutdown](Self::shutdown) it changes nothing.
    ///
    /// # Errors
    ///
    /// A relay has no upstream, or a new one cannot listen. Nothing has changed then.
    pub fn reload(&self, configs: impl IntoIterator<Item = RelayConfig>) -> Result<Reloaded, RelayError> {
        let service = &self.0;
        let _reloading = service.reloading();
        // Only a reload changes which relays there are. Binding may wait for the resolver, and a shutdown must not wait for that.
        let before: Vec<_> = service.relays.lock().iter().map(|slot| slot.listen.clone()).collect();
        let mut is_kept = vec![false; before.len()];
        let (mut kept, mut added) = (Vec::new(), Vec::new());
        for config in configs {
            config.check()?;
            match (0..before.len()).find(|place| !is_kept[*place] && before[*place] == config.listen) {
                Some(place) => {
                    is_kept[place] = true;
                    kept.push((place, config));
                }
                None => added.push(Slot::bind(config, service)?),
            }
        }
        let mut relays = service.relays.lock();
        if service.shutdown.has_begun() {
            return Ok(Reloaded::default());
        }
        // What can fail is over once the workers have their handles.
        for slot in &added {
            service.let_workers_accept(slot)?;
        }
        let reloaded = Reloaded {
            kept: kept.len(),
            added: added.len(),
            removed: is_kept.iter().filter(|is_kept| !**is_kept).count(),
        };
        for (place, config) in kept {
            let slot = &mut relays[place];
            slot.grace = config.grace;
            let before = slot.serving.borrow().clone();
            let itself = slot.listener.as_ref().map(Itself::listening_with).unwrap_or_default();
            let serving = Serving::new(config, itself, service, before.as_deref());
            slot.serving.send_replace(Some(Arc::new(serving)));
        }
        let mut is_kept = is_kept.into_iter();
        relays.retain(|slot| {
            let stays = is_kept.next().unwrap_or(true);
            if !stays {
                slot.serving.send_replace(None);
            }
            stays
        });
        let events: Vec<_> = added.iter().filter_map(Slot::told).collect();
        relays.extend(added);
        drop(relays);
        service.measure_room(false);
        for (relay, endpoint) in &events {
            (service.observer)(&RelayEvent::Listening { relay, endpoint });
        }
        Ok(reloaded)
    }
}
