import '../compare.unit.test.js';
import '../host-life.unit.test.js';
import '../report-schedule.unit.test.js';
import '../summary.unit.test.js';
import '../workload.unit.test.js';
