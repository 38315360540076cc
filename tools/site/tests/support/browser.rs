//! A real browser, for tests of the site: Debian's Chromium without a window, spoken to in its own protocol.
//!
//! Its protocol goes over a pipe: JSON, each message ended by a NUL. That is some three hundred lines here, and what we
//! looked at instead costs more than it saves. thirtyfour speaks `WebDriver`, which has no word for console
//! messages, requests, colour schemes and touch, and needs a second program that listens on a port. `headless_chrome`
//! and chromiumoxide generate the whole protocol as Rust: over a hundred crates, a minute of one core to build, and each
//! gives up after a time of its own, where a busy machine needs longer. Playwright brings Node and its own browsers.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long an answer may take. Far more than it needs, since a machine may be busy with other tests.
const BOUND: Duration = Duration::from_secs(120);

/// A browser that runs; it ends when it is dropped.
pub struct Browser {
    child: Child,
    input: RefCell<ChildStdin>,
    messages: Receiver<Value>,
    /// What came while an answer was waited for.
    events: RefCell<VecDeque<Value>>,
    last: Cell<u64>,
    _profile: TempDir,
}

/// A page of the browser, with a width and a colour scheme.
pub struct Page<'a> {
    browser: &'a Browser,
    session: String,
    complaints: RefCell<Vec<String>>,
}

impl Browser {
    /// Starts it; none, with a line that names the check `what`, where there is no browser.
    pub fn start(what: &str) -> Result<Option<Self>> {
        if !harness::process::installed("chromium", what)? {
            return Ok(None);
        }
        let profile = harness::folder::tempdir()?;
        // Chromium reads descriptor 3 and writes descriptor 4.
        let mut command = harness::process::command("sh");
        command.args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh", "chromium"]);
        command.args([
            "--headless",
            "--remote-debugging-pipe",
            // It shows only pages of our own, and root gets none otherwise.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-extensions",
            "--disable-sync",
            "--hide-scrollbars",
            "--no-first-run",
            "--force-color-profile=srgb",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.env("HOME", profile.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or("no pipe to the browser")?;
        let output = child.stdout.take().ok_or("no pipe from the browser")?;
        let messages = messages(output);
        Ok(Some(Self {
            child,
            input: RefCell::new(input),
            messages,
            events: RefCell::default(),
            last: Cell::new(0),
            _profile: profile,
        }))
    }

    /// A new page, so many pixels wide, on a machine that prefers `scheme`: `light` or `dark`.
    pub fn page(&self, width: u32, scheme: &str) -> Result<Page<'_>> {
        let target = self.call(None, "Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call(None, "Target.attachToTarget", &attach)?;
        let session = attached["sessionId"].as_str().ok_or("no session")?.to_owned();
        let page = Page { browser: self, session, complaints: RefCell::default() };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}))?;
        }
        page.look(width, scheme)?;
        Ok(page)
    }

    /// Sends a command and waits for its answer.
    fn call(&self, session: Option<&str>, method: &str, parameters: &Value) -> Result<Value> {
        let id = self.last.get() + 1;
        self.last.set(id);
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input.borrow_mut().write_all(&bytes)?;
        loop {
            let message = self.next(method, Instant::now() + BOUND)?;
            if message["id"] != id {
                self.events.borrow_mut().push_back(message);
            } else if message["error"].is_null() {
                return Ok(message["result"].clone());
            } else {
                return Err(format!("{method}: {}", message["error"]).into());
            }
        }
    }

    fn next(&self, what: &str, deadline: Instant) -> Result<Value> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.messages.recv_timeout(left).map_err(|error| format!("the browser: {what}: {error}").into())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.call(None, "Browser.close", &json!({}));
        let _ = self.child.wait();
    }
}

impl Page<'_> {
    /// Sends a command of the protocol to this page.
    pub fn call(&self, method: &str, parameters: &Value) -> Result<Value> {
        self.browser.call(Some(&self.session), method, parameters)
    }

    /// Another width, another colour scheme.
    pub fn look(&self, width: u32, scheme: &str) -> Result<()> {
        let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &metrics)?;
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", &media)?;
        Ok(())
    }

    /// Opens a file, with what may stand behind its name (`?search=...`, `#step-3`), and waits until it is loaded.
    pub fn open(&self, file: &Path, suffix: &str) -> Result<()> {
        let url = format!("file://{}{suffix}", file.display());
        // So that the same page with another suffix is loaded anew.
        self.navigate("about:blank")?;
        self.navigate(&url)
    }

    fn navigate(&self, url: &str) -> Result<()> {
        let answer = self.call("Page.navigate", &json!({ "url": url }))?;
        if let Some(error) = answer["errorText"].as_str() {
            return Err(format!("open {url}: {error}").into());
        }
        self.wait_for("Page.loadEventFired", url)
    }

    /// Waits for an event of this page, and notes whatever the page complains of meanwhile.
    fn wait_for(&self, event: &str, what: &str) -> Result<()> {
        let deadline = Instant::now() + BOUND;
        loop {
            let earlier = self.browser.events.borrow_mut().pop_front();
            let message = match earlier {
                Some(message) => message,
                None => self.browser.next(what, deadline)?,
            };
            self.note(&message);
            if message["method"] == event && message["sessionId"] == self.session {
                return Ok(());
            }
        }
    }

    /// The value of a JavaScript expression; a promise is waited for.
    pub fn evaluate(&self, expression: &str) -> Result<Value> {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &parameters)?;
        if answer["exceptionDetails"].is_null() {
            Ok(answer["result"]["value"].clone())
        } else {
            Err(format!("{expression}: {}", answer["exceptionDetails"]["exception"]["description"]).into())
        }
    }

    /// Waits, frame by frame, until a JavaScript expression is true.
    pub fn until(&self, expression: &str) -> Result<()> {
        let bound = BOUND.as_millis() / 2;
        let seen = self.evaluate(&format!(
            "new Promise(done => {{
                const end = performance.now() + {bound};
                const look = () => {{
                    if ({expression}) done(true);
                    else if (performance.now() > end) done(false);
                    else requestAnimationFrame(look);
                }};
                look();
            }})"
        ))?;
        if seen == true { Ok(()) } else { Err(format!("never true: {expression}").into()) }
    }

    /// Presses and releases a key, by its name: `Tab`, `Enter`, `ArrowRight`, `/`, `s`.
    pub fn key(&self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            " " => (32, " "),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowLeft" => (37, ""),
            "ArrowUp" => (38, ""),
            "ArrowRight" => (39, ""),
            "ArrowDown" => (40, ""),
            _ => (0, key),
        };
        let kind = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        let mut down = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
        if !text.is_empty() {
            down["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", &down)?;
        let up = json!({ "type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", &up)?;
        Ok(())
    }

    /// Types text into what has the focus.
    pub fn enter(&self, text: &str) -> Result<()> {
        self.call("Input.insertText", &json!({ "text": text }))?;
        Ok(())
    }

    /// Clicks, with the mouse, in the middle of what this selector finds first.
    pub fn click(&self, selector: &str) -> Result<()> {
        let (x, y) = self.middle(selector)?;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event)?;
        }
        Ok(())
    }

    /// Touches the middle of what this selector finds first.
    pub fn tap(&self, selector: &str) -> Result<()> {
        let (x, y) = self.middle(selector)?;
        let points = json!({ "type": "touchStart", "touchPoints": [{ "x": x, "y": y }] });
        self.call("Input.dispatchTouchEvent", &points)?;
        self.call("Input.dispatchTouchEvent", &json!({ "type": "touchEnd", "touchPoints": [] }))?;
        Ok(())
    }

    fn middle(&self, selector: &str) -> Result<(f64, f64)> {
        let at = self.evaluate(&format!(
            "(() => {{
                const element = document.querySelector({});
                if (!element) return null;
                element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = element.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})()",
            json!(selector)
        ))?;
        match (at[0].as_f64(), at[1].as_f64()) {
            (Some(x), Some(y)) => Ok((x, y)),
            _ => Err(format!("nothing on the page is {selector}").into()),
        }
    }

    /// What the page has complained of so far: console messages, exceptions, and requests that leave the machine.
    pub fn complaints(&self) -> Result<Vec<String>> {
        // Whatever the page has said comes before this answer.
        self.evaluate("new Promise(done => setTimeout(done))")?;
        for message in std::mem::take(&mut *self.browser.events.borrow_mut()) {
            self.note(&message);
        }
        Ok(std::mem::take(&mut *self.complaints.borrow_mut()))
    }

    fn note(&self, message: &Value) {
        let parameters = &message["params"];
        let complaint = match message["method"].as_str() {
            Some("Runtime.consoleAPICalled") => format!("console: {}", parameters["args"]),
            Some("Runtime.exceptionThrown") => format!("exception: {}", parameters["exceptionDetails"]),
            Some("Log.entryAdded") => format!("log: {}", parameters["entry"]),
            Some("Network.requestWillBeSent") => {
                let url = parameters["request"]["url"].as_str().unwrap_or_default();
                if ["file:", "data:", "about:", "blob:"].iter().any(|scheme| url.starts_with(scheme)) {
                    return;
                }
                format!("request: {url}")
            }
            _ => return,
        };
        self.complaints.borrow_mut().push(complaint);
    }

    /// Writes what is to be seen, all of the page, to a file: for eyes, when `SITE_SHOTS` names a folder.
    pub fn shot(&self, name: &str) -> Result<()> {
        let Some(folder) = std::env::var_os("SITE_SHOTS") else { return Ok(()) };
        let picture = self.call("Page.captureScreenshot", &json!({ "captureBeyondViewport": true }))?;
        let data = picture["data"].as_str().ok_or("no picture")?;
        std::fs::write(Path::new(&folder).join(format!("{name}.png.base64")), data)?;
        Ok(())
    }
}

/// What comes from the browser, message by message.
fn messages(output: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for message in BufReader::new(output).split(0) {
            let Some(message) = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) else {
                break;
            };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}
