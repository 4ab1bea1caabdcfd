. /tmp/w/out-dicom15/env.sh; cd /tmp/w/out-dicom15
nice -n 5 survembed evaluate --runs-dir runs > ev.log 2>&1
