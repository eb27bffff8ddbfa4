# What the scripts beside this share; it is sourced, not run. A part is brought once, into a cache folder outside the tree.

# begin NAME-VERSION [--find]: prints the folder of a part that is there, and ends. Else `work` is a folder to make it in, all talk
# goes to stderr from here on, and nobody else makes it meanwhile. `--find` only looks: it fails if the part is not there.
begin() {
    local parts=${RINGFENCE_PARTS:-${XDG_CACHE_HOME:-$HOME/.cache}/ringfence-parts}
    mkdir -p "$parts"
    parts=$(cd "$parts" && pwd)
    target=$parts/$1
    if [[ ${2:-} == --find ]]; then
        [[ -d $target ]] && echo "$target"
        exit
    fi
    # Two may ask at once: the second waits here and then finds it there.
    exec 9>"$target.lock"
    flock 9
    if [[ -d $target ]]; then
        echo "$target"
        exit
    fi
    exec 3>&1 1>&2
    work=$(mktemp -d "$parts/.making.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/out"
}

# keep: `out` in the work folder is whole, and gets the final name.
keep() {
    mv -T "$work/out" "$target"
    echo "$target" >&3
}

# npm_install PACKAGE@VERSION…: what they lean on is held back to a day, with no lockfile to keep. Nothing fetched runs a script of its
# own while it is installed.
npm_install() {
    npm install --prefix "$work/out" --before=2026-11-22 --save-exact \
        --ignore-scripts --no-package-lock --no-audit --no-fund "$@"
}
