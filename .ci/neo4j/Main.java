import java.nio.file.Path;
import java.util.List;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.harness.Neo4jBuilders;

/**
 * Serves a Neo4j over Bolt on 127.0.0.1 until standard input ends, with the procedures of a folder
 * of plugins: an empty one, or, with a fourth argument, one whose data are copied from that home
 * folder.
 */
public class Main {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        int port = Integer.parseInt(arguments[1]);
        var builder = Neo4jBuilders.newInProcessBuilder(folder)
                .withDisabledServer()
                .withConfig(GraphDatabaseSettings.auth_enabled, true)
                .withConfig(GraphDatabaseSettings.pagecache_memory, 256L << 20)
                .withConfig(GraphDatabaseSettings.plugin_dir, Path.of(arguments[2]))
                .withConfig(GraphDatabaseSettings.procedure_unrestricted, List.of("gds.*"))
                .withConfig(BoltConnector.listen_address, new SocketAddress("127.0.0.1", port));
        if (arguments.length > 3) {
            builder = builder.copyFrom(Path.of(arguments[3]));
        }
        try (var neo4j = builder.build()) {
            System.out.println("ready");
            while (System.in.read() >= 0) {}
        }
    }
}
