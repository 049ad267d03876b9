//! sendmail(8): turns the options of that program into a call of qmail-inject, qmail-smtpd or
//! qmail-qread. What cannot hurt is accepted and ignored; what would do something else than the
//! caller means is refused.

use std::path::Path;
use std::process::ExitCode;

use os::child::Spawn;
use report::Exit;

use crate::letters::{Found, Letters, complaint};

/// Becomes the program that does what was asked for, or says why not.
#[must_use]
pub fn main() -> ExitCode {
    let refusal = run(&os::home::home(), &os::env::program(), &os::env::args());
    if let Some(complaint) = refusal.complaint() {
        diag::line(&complaint);
    }
    ExitCode::from(refusal.exit().code())
}

/// Why the program is still this one.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// The call is wrong, and perhaps why.
    Usage(Option<String>),
    /// It was called by a name that belongs to another package.
    Newaliases,
    /// The home directory cannot be entered.
    Home,
    /// A program cannot be run.
    Exec(&'static str),
}

/// What the caller wants done.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    /// Queue the message on standard input.
    Inject(Call),
    /// Speak SMTP on standard input and output.
    Serve,
    /// List the queue.
    List,
}

/// A message to be queued.
#[derive(Debug, Default, PartialEq, Eq)]
struct Call {
    takes_header_recipients: bool,
    sender: Option<Vec<u8>>,
    full_name: Option<Vec<u8>>,
    recipients: Vec<Vec<u8>>,
}

type Environment = Vec<(Vec<u8>, Vec<u8>)>;

/// Returns only if something is wrong.
fn run(home: &Path, name: &[u8], arguments: &[Vec<u8>]) -> Refusal {
    if os::file::chdir(home).is_err() {
        return Refusal::Home;
    }
    let task = match Task::parse(name, arguments) {
        Ok(task) => task,
        Err(refusal) => return refusal,
    };
    let program = task.program();
    let path = format!("bin/{program}");
    let spawn = Spawn::new(path.as_bytes())
        .args(task.arguments())
        .env(task.environment(os::env::all()));
    // The reason is of no use to the programs that call us; they look at the code.
    let _error = os::child::become_program(&spawn);
    Refusal::Exec(program)
}

impl Refusal {
    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Newaliases => Exit::PERMANENT,
            Self::Home | Self::Exec(_) => Exit::TEMPORARY,
        }
    }

    fn complaint(&self) -> Option<String> {
        Some(match self {
            Self::Usage(None) => USAGE.to_owned(),
            Self::Usage(Some(why)) => format!("{why}\n{USAGE}"),
            Self::Newaliases => {
                "sendmail: fatal: please use fastforward/newaliases instead".to_owned()
            }
            Self::Home => "sendmail: fatal: unable to switch to qmail home directory".to_owned(),
            Self::Exec(program) => format!("sendmail: fatal: unable to run {program}"),
        })
    }
}

impl Task {
    /// Reads the options, and then looks at the name: so the original does it.
    fn parse(name: &[u8], arguments: &[Vec<u8>]) -> Result<Self, Refusal> {
        let mut call = Call::default();
        let mut letters = Letters::new(arguments);
        let mut task = None;
        while let Some(found) = letters.next(PLAIN, VALUED) {
            match found {
                Found::Letter(b't') => call.takes_header_recipients = true,
                Found::Letter(b'E' | b'J') => letters.skip_word(),
                Found::Letter(_) => {}
                Found::Value(b'f', value) => call.sender = Some(value.to_vec()),
                Found::Value(b'F', value) => call.full_name = Some(value.to_vec()),
                Found::Value(b'b', value) => task = mode(value)?.or(task),
                Found::Value(..) => {}
                Found::Illegal(_) | Found::Valueless(_) => {
                    return Err(Refusal::Usage(complaint(&found)));
                }
            }
        }
        match name {
            b"mailq" => return Ok(Self::List),
            b"newaliases" => return Err(Refusal::Newaliases),
            _ => {}
        }
        call.recipients = letters.rest().to_vec();
        Ok(task.unwrap_or(Self::Inject(call)))
    }

    const fn program(&self) -> &'static str {
        match self {
            Self::Inject(_) => "qmail-inject",
            Self::Serve => "qmail-smtpd",
            Self::List => "qmail-qread",
        }
    }

    fn arguments(&self) -> Vec<Vec<u8>> {
        let Self::Inject(call) = self else {
            return Vec::new();
        };
        let mut arguments = vec![
            if call.takes_header_recipients {
                b"-H"
            } else {
                b"-a"
            }
            .to_vec(),
        ];
        if let Some(sender) = &call.sender {
            arguments.extend([b"-f".to_vec(), sender.clone()]);
        }
        arguments.push(b"--".to_vec());
        arguments.extend_from_slice(&call.recipients);
        arguments
    }

    fn environment(&self, mut environment: Environment) -> Environment {
        match self {
            Self::List => {}
            Self::Serve => serve_environment(&mut environment),
            Self::Inject(call) => call.author(&mut environment),
        }
        environment
    }
}

impl Call {
    /// A sender given by `-f` is also the author of a message without From; only a name given by
    /// `-F` can then be the right one.
    fn author(&self, environment: &mut Environment) {
        if let Some(sender) = &self.sender {
            for name in ["QMAILNAME", "MAILNAME", "NAME", "QMAILHOST", "MAILHOST"] {
                unset(environment, name);
            }
            let (user, host) = address::domain_split(sender);
            set(environment, "QMAILUSER", user);
            if let Some(host) = host {
                set(environment, "QMAILHOST", host);
            }
        }
        if let Some(name) = &self.full_name {
            set(environment, "MAILNAME", name);
        }
    }
}

/// `-b`: what kind of run this is.
fn mode(value: &[u8]) -> Result<Option<Task>, Refusal> {
    match value.first() {
        Some(b'm') => Ok(None),
        Some(b'p') => Ok(Some(Task::List)),
        Some(b's') => Ok(Some(Task::Serve)),
        _ => Err(Refusal::Usage(None)),
    }
}

/// Under tcpserver or tcp-env the client is known already; otherwise it is whoever called us, who
/// may send to anybody.
fn serve_environment(environment: &mut Environment) {
    if environment.iter().any(|(name, _)| name == b"PROTO") {
        return;
    }
    for (name, value) in LOCAL_CLIENT {
        set(environment, name, value.as_bytes());
    }
}

fn set(environment: &mut Environment, name: &str, value: &[u8]) {
    unset(environment, name);
    environment.push((name.as_bytes().to_vec(), value.to_vec()));
}

fn unset(environment: &mut Environment, name: &str) {
    environment.retain(|(other, _)| other != name.as_bytes());
}

/// `t` means something; the rest asks for what happens anyway (`i`, `m`, `U`), for talk (`v`),
/// or for what qmail does not do and the message does not need (`n`, `G`, `x`, `E`, `J`).
const PLAIN: &[u8] = b"timvxnUGEJ";
/// `f`, `F` and `b` mean something. `o`, `e`, `B`, `p` set how a message is treated or errors are
/// reported, `N`, `R`, `V` ask for delivery reports. Not here, so refused: `C` and `O` (another
/// configuration), `X` (a log file), `D` (another output), `q` (a queue run).
const VALUED: &[u8] = b"fFbeopBNRV";
const USAGE: &str =
    "sendmail: usage: sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] [ arg ... ]";
const LOCAL_CLIENT: [(&str, &str); 8] = [
    ("RELAYCLIENT", ""),
    ("DATABYTES", "0"),
    ("PROTO", "TCP"),
    ("TCPLOCALIP", "127.0.0.1"),
    ("TCPLOCALHOST", "localhost"),
    ("TCPREMOTEIP", "127.0.0.1"),
    ("TCPREMOTEHOST", "localhost"),
    ("TCPREMOTEINFO", "sendmail-bs"),
];
