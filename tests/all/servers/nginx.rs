//! A real web server: nginx, from the machine or from Debian, with a certificate of the test's own making.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::parts;

static FETCHING: Mutex<()> = Mutex::new(());

/// A running nginx that serves the host `site.test`.
pub(crate) struct Nginx {
    folder: TempDir,
    process: Child,
    /// Where it speaks http.
    pub(crate) http: u16,
    /// Where it speaks https.
    pub(crate) https: u16,
}

impl Nginx {
    /// Starts one with a page, and places that lead on: see the configuration below. None where there is no nginx.
    pub(crate) fn start() -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["site.test".to_owned()]).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("certificate.pem", &cert.pem());
        write("key.pem", &signing_key.serialize_pem());
        let (http, https) = (free_port(), free_port());
        write("nginx.conf", &configuration(http, https));
        let log = std::fs::File::create(folder.path().join("error.log")).unwrap();
        let process = Command::new(program)
            .args(["-p", folder.path().to_str().unwrap(), "-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut nginx = Self { folder, process, http, https };
        nginx.wait_until_it_serves();
        Some(nginx)
    }

    /// The certificate that it shows, as the policy file names it.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn wait_until_it_serves(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.https)).is_err() {
            let ended = self.process.try_wait().unwrap();
            let said = || std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < deadline, "nginx does not serve: {}", said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn configuration(http: u16, https: u16) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = temporary.map(|kind| format!("{kind}_temp_path {kind};\n")).concat();
    format!(
        r#"
daemon off;
master_process off;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    default_type text/html;
    {temporary}
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl;
        ssl_certificate certificate.pem;
        ssl_certificate_key key.pem;
        location = /page {{
            return 200 "<html><head><title>A page</title></head><body><p>It stands on $scheme.</p></body></html>";
        }}
        location = /moved {{ return 301 /page; }}
        location = /secured {{ return 302 https://site.test:{https}/page; }}
        location = /seen {{ return 307 /moved; }}
        location = /round {{ return 302 /round; }}
        location = /away {{ return 302 http://other.test:{http}/page; }}
        location = /led {{ return 302 $arg_to; }}
        location = /posted {{ return 303 /method; }}
        location = /method {{ return 200 $request_method; }}
    }}
}}
"#
    )
}

/// The program, from PATH or from the package of Debian, which needs no installation.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    if let Some(found) = places.map(|folder| folder.join("nginx")).find(|file| file.is_file()) {
        return Some(found);
    }
    let _turn = FETCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("nginx");
    let program = folder.join("usr/sbin/nginx");
    if !program.is_file() {
        let why = match fetch(&folder) {
            Ok(()) if program.is_file() => return Some(program),
            Ok(()) => "the package does not hold it".to_owned(),
            Err(why) => why,
        };
        parts::missing(&format!(
            "tests of the web need nginx, and it could not be fetched from Debian: apt-get install nginx: {}",
            why.trim()
        ));
        return None;
    }
    Some(program)
}

fn fetch(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|why| why.to_string())?;
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program).args(arguments).current_dir(folder).output();
        let done = done.map_err(|why| format!("{program}: {why}"))?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() { Ok(()) } else { Err(said) }
    };
    // A machine that never asked Debian for its lists gets lists of its own, beside what is fetched.
    run("apt-get", &["download", "nginx"]).or_else(|_| {
        std::fs::create_dir_all(folder.join("lists/partial")).map_err(|why| why.to_string())?;
        let lists = format!("Dir::State::lists={}", folder.join("lists").display());
        run("apt-get", &["-o", &lists, "update"])?;
        run("apt-get", &["-o", &lists, "download", "nginx"])
    })?;
    let packages = std::fs::read_dir(folder).map_err(|why| why.to_string())?;
    let is_package = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "deb");
    let package =
        packages.flatten().map(|entry| entry.path()).find(is_package).ok_or("nothing was fetched")?;
    run("dpkg", &["-x", package.to_str().ok_or("its name is no text")?, "."])
}
