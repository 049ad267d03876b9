//! What the control files say, read once; locals and virtualdomains again on a hangup signal
//! (qmail-send(8)).

use control::{Control, ControlError, Map};

use crate::notice::Author;
use crate::rewrite::Routes;

/// The control files of qmail-send.
pub(crate) struct Config {
    /// Seconds after which a message is not tried any more.
    pub queuelifetime: u64,
    /// How many local deliveries may run at once, if the spawner agrees.
    pub concurrencylocal: u64,
    /// How many remote ones.
    pub concurrencyremote: u64,
    /// Who signs failure notices.
    pub author: Author,
    /// Where notices go that cannot be delivered.
    pub postmaster: Vec<u8>,
    /// Where addresses go.
    pub routes: Routes,
}

/// Why the control files cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// One of them cannot be read.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Nobody says which mail is local.
    #[error("neither control/locals nor control/me exists")]
    NoLocals,
}

impl Config {
    /// Reads all of them.
    ///
    /// # Errors
    /// When one is there but cannot be read, or both locals and me are missing.
    pub(crate) fn read(control: &Control) -> Result<Self, ConfigError> {
        let me_or = |name: &str| control.line_or_me_or(name, name);
        let text_or = |name: &str, default: &str| {
            Ok::<_, ControlError>(control.line(name)?.unwrap_or_else(|| default.into()))
        };
        let postmaster = [
            text_or("doublebounceto", "postmaster")?,
            me_or("doublebouncehost")?,
        ]
        .join(&b'@');
        Ok(Self {
            queuelifetime: control.integer_or("queuelifetime", QUEUELIFETIME)?,
            concurrencylocal: control.integer_or("concurrencylocal", CONCURRENCYLOCAL)?,
            concurrencyremote: control.integer_or("concurrencyremote", CONCURRENCYREMOTE)?,
            author: Author {
                bouncefrom: text_or("bouncefrom", "MAILER-DAEMON")?,
                bouncehost: me_or("bouncehost")?,
            },
            postmaster,
            routes: Routes {
                envnoathost: me_or("envnoathost")?,
                locals: read_locals(control)?,
                percenthack: control.set("percenthack")?.unwrap_or_default(),
                virtualdomains: read_virtualdomains(control)?,
            },
        })
    }

    /// Reads locals and virtualdomains again. On an error the old tables stay, both of them.
    ///
    /// # Errors
    /// Which of the two it was.
    pub(crate) fn reread(&mut self, control: &Control) -> Result<(), Reread> {
        let locals = read_locals(control).map_err(Reread::Locals)?;
        let virtualdomains = read_virtualdomains(control).map_err(Reread::VirtualDomains)?;
        self.routes.locals = locals;
        self.routes.virtualdomains = virtualdomains;
        Ok(())
    }
}

/// Why the tables stay as they are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Reread {
    /// locals.
    #[error("unable to reread control/locals")]
    Locals(#[source] ConfigError),
    /// virtualdomains.
    #[error("unable to reread control/virtualdomains")]
    VirtualDomains(#[source] ConfigError),
}

fn read_locals(control: &Control) -> Result<Map, ConfigError> {
    control.locals()?.ok_or(ConfigError::NoLocals)
}

fn read_virtualdomains(control: &Control) -> Result<Map, ConfigError> {
    Ok(control.map("virtualdomains")?.unwrap_or_default())
}

/// A week.
const QUEUELIFETIME: u64 = 604_800;
const CONCURRENCYLOCAL: u64 = 10;
const CONCURRENCYREMOTE: u64 = 20;
