//! qmail-inject(8): reads a message, completes its header (qmail-header(5)), works out the
//! envelope and hands both to qmail-queue, or prints the message with `-n`. It has the rights of
//! its caller and no others.

mod config;
mod envelope;
mod generated;
mod headers;
mod letters;
mod message;
mod options;
mod output;
mod refusal;
pub mod sendmail;

use std::path::Path;
use std::process::ExitCode;

use config::Config;
use envelope::Envelope;
use headers::Headers;
use message::Message;
use options::Options;
use output::Output;
use refusal::Refusal;

/// Queues the message, or says on standard error why not.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    match run(&os::home::home(), os::env::args()) {
        Ok(()) => ExitCode::from(report::Exit::OK.code()),
        Err(refusal) => {
            refusal.complain();
            ExitCode::from(refusal.exit().code())
        }
    }
}

/// The steps of qmail-inject(8), in order. Nothing is started before the header is understood.
fn run(home: &Path, arguments: Vec<Vec<u8>>) -> Result<(), Refusal> {
    if !home.is_dir() {
        return Err(Refusal::Home);
    }
    let config = Config::read(home)?;
    let options = Options::parse(&arguments)?;
    let mut envelope = Envelope::new(&config, &options)?;
    let mut message = Message::read_header()?;
    let headers = Headers::rewrite(message.take_fields(), &config, &mut envelope)?;
    let generated = generated::fields(&headers, &config, &envelope)?;
    let sender = envelope.sender(&config)?;
    let recipients = envelope.recipients(headers.is_resent())?;

    let mut output = Output::start(home, options.is_printing, &sender)?;
    for field in generated.iter().chain(headers.fields()) {
        output.write(field)?;
    }
    message.copy_body(|bytes| output.write(bytes))?;
    output.finish(&sender, &recipients)
}
